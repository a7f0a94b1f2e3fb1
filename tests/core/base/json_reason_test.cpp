#include "core/base/json_reason.hpp"

#include "tests/support/catch.hpp"

#include <nlohmann/json.hpp>

using namespace sluice;

namespace {

template <class Work>
std::string reason(const Work& work) {
  try {
    work();
  } catch (const nlohmann::json::exception& error) {
    return json_reason(error.what());
  }
  return "";
}

}  // namespace

TEST_CASE("what a JSON exception says is told without the library's names") {
  CHECK(reason([] { return nlohmann::json::parse("{\"a\": tr"); }).starts_with("syntax error while parsing"));
  CHECK(reason([] { return nlohmann::json::parse("{}").at("name"); }) == "key 'name' not found");
  CHECK(reason([] { return nlohmann::json::parse("\"a\"").get<int>(); }) == "type must be number, but is string");
  CHECK(json_reason("no such file") == "no such file");
  CHECK(json_reason("[json.exception.odd") == "[json.exception.odd");
}
