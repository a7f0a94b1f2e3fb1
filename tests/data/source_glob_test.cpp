#include "data/source_files.hpp"

#include "tests/data/data_support.hpp"
#include "tests/support/catch.hpp"

#include <algorithm>

using namespace sluice;
using namespace sluice::data;

TEST_CASE("braces are written out, and each alternative must match") {
  const TemporaryFolder folder;
  for (const char* name : {"a1.txt", "a2.txt", "b1.txt", "c,d.txt", "x/e.txt", "y/e.txt", "odd{.txt"}) folder.write(name, "x");
  const std::string root = folder.path().string() + "/";
  const auto found = [&](const std::string& spec) {
    std::vector<std::string> paths = expand_glob(root + spec);
    std::sort(paths.begin(), paths.end());
    std::string text;
    for (const std::string& path : paths) text += (text.empty() ? "" : " ") + path.substr(root.size());
    return text;
  };
  REQUIRE(found("{a1,b1}.txt") == "a1.txt b1.txt");
  REQUIRE(found("{a{1,2},b1}.txt") == "a1.txt a2.txt b1.txt");
  REQUIRE(found("{x,y}/{e}.txt") == "x/e.txt y/e.txt");
  REQUIRE(found("{c\\,d,b*}.txt") == "b1.txt c,d.txt");
  REQUIRE(found("odd\\{.txt") == "odd{.txt");
  REQUIRE(found("odd{.t*") == "odd{.txt");
  REQUIRE(found("[ab]?.txt") == "a1.txt a2.txt b1.txt");
  const auto error = [&](const std::string& spec) { return error_of([&] { expand_glob(root + spec); }); };
  REQUIRE(contains(error("{a1,gone}.txt"), "3: " + root + "{a1,gone}.txt: no file matches " + root + "gone.txt"));
  REQUIRE(contains(error("z*.txt"), "no file matches (relative paths start at "));
  REQUIRE(contains(error("**/e.txt"), "** is not supported"));
  REQUIRE(contains(error("gone/*.txt"), "3: " + root + "gone/*.txt: "));
}
