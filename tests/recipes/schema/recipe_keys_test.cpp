#include "recipes/schema/keys.hpp"
#include "recipes/schema/nearest.hpp"
#include "recipes/schema/reference.hpp"
#include "tests/support/catch.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <string>

using namespace sluice::recipes;

TEST_CASE("the reference page is current") {
  const std::filesystem::path path =
      std::filesystem::path(__FILE__).parent_path().parent_path().parent_path().parent_path() / "recipes" / "KEYS.md";
  if (std::getenv("SLUICE_UPDATE_KEYS")) std::ofstream(path, std::ios::binary) << reference_page();
  std::ifstream in(path, std::ios::binary);
  REQUIRE(in.good());
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  // Not compared inside the assertion: the whole page would be printed.
  const bool current = text == reference_page();
  INFO("run with SLUICE_UPDATE_KEYS=1 to write " << path.string() << " anew");
  REQUIRE(current);
}

TEST_CASE("key names and aliases are unambiguous in their section, and every key says what it means") {
  for (const SectionInfo& section : sections()) {
    std::set<std::string> names;
    for (const KeyInfo& key : section.keys) {
      INFO(section.path << "." << key.name);
      CHECK(names.insert(key.name).second);
      CHECK(!key.doc.empty());
      CHECK(!key.type.empty());
    }
    for (const KeyInfo& key : section.keys) {
      for (const std::string& alias : key.aliases) {
        INFO(section.path << "." << key.name << " alias " << alias);
        CHECK(names.insert(alias).second);
      }
    }
    for (const ForeignName& foreign : foreign_names()) {
      INFO(section.path << " " << foreign.name);
      CHECK(names.count(foreign.name) == 0);
    }
  }
}

TEST_CASE("edit distance counts insertions, deletions, replacements and swaps") {
  CHECK(edit_distance("", "") == 0);
  CHECK(edit_distance("top_k", "top_k") == 0);
  CHECK(edit_distance("num_expert", "num_experts") == 1);
  CHECK(edit_distance("tpo_k", "top_k") == 1);
  CHECK(edit_distance("kitten", "sitting") == 3);
  CHECK(edit_distance("", "abc") == 3);
  CHECK(nearest("wamup_steps", {"max_steps", "warmup_steps"}) == "warmup_steps");
  CHECK(nearest("zzz", {"top_k", "seed"}).empty());
  CHECK(nearest("x", {"a"}).empty());
}

TEST_CASE("numbers and text are written so that they read back") {
  CHECK(write_number(0.001) == "0.001");
  CHECK(write_number(1e-8) == "1e-08");
  CHECK(write_number(10000.0) == "10000");
  CHECK(write_text("runs/a-1.txt") == "runs/a-1.txt");
  CHECK(write_text(".data/quickstart/*.txt") == "\".data/quickstart/*.txt\"");
  CHECK(write_text("true") == "\"true\"");
  CHECK(write_text("17") == "\"17\"");
  CHECK(write_text("") == "\"\"");
  CHECK(write_text("a\"b\\c\n") == "\"a\\\"b\\\\c\\x0a\"");
}
