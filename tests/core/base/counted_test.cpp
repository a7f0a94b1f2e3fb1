#include "core/base/counted.hpp"

#include "tests/support/catch.hpp"

#include <cstdint>

using namespace sluice;

TEST_CASE("one has no s, and every other count has one") {
  CHECK(counted(0, "file") == "0 files");
  CHECK(counted(1, "file") == "1 file");
  CHECK(counted(std::uint64_t{12345678901}, "expert group") == "12345678901 expert groups");
  CHECK(plural(1.0, "row") == "row");
  CHECK(plural(1.5, "row") == "rows");
}
