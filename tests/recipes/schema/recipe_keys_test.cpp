#include "recipes/schema/keys.hpp"
#include "recipes/schema/nearest.hpp"
#include "tests/support/catch.hpp"

#include <fmt/format.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <string>

using namespace sluice::recipes;

namespace {

std::string code(const std::string& text) { return text.empty() ? "" : "`" + text + "`"; }

std::string anchor(const std::string& path) {
  std::string text;
  for (const char c : path)
    if (c != '.') text += c;
  return text;
}

std::string allowed(const KeyInfo& key) {
  if (key.type == "section") return "";
  if (key.type == "one of") return "`" + key.allowed + "`";
  return key.allowed.empty() ? key.type : fmt::format("{}, {}", key.type, key.allowed);
}

std::string row(const KeyInfo& key) {
  const bool section = key.type == "section";
  const std::string name = section ? fmt::format("[`{}`](#{})", key.name, anchor(key.allowed.substr(4))) : code(key.name);
  const std::string type = section ? "section" : allowed(key);
  std::string aliases;
  for (const std::string& alias : key.aliases) aliases += (aliases.empty() ? "" : ", ") + code(alias);
  const bool words = key.default_value == "required" || key.default_value.find(' ') != std::string::npos;
  return fmt::format("| {} | {} | {} | {} | {} |\n", name, type,
                     words && key.type != "list of paths" ? key.default_value : code(key.default_value), key.doc, aliases);
}

// The whole text of recipes/KEYS.md, made of the tables that read the keys.
std::string reference_page() {
  std::string page =
      "# Recipe keys\n\n"
      "Generated from the tables in `recipes/schema`; a test checks that it is current. To write it anew:\n"
      "`SLUICE_UPDATE_KEYS=1 build/plain_tests \"the reference page is current\"`.\n\n"
      "A recipe is strict: an unknown key, a mistyped value or one out of range stops with file, line and column.\n"
      "On the command line, `section.key=value` wins over the file; values are YAML, and stages are addressed by name: "
      "`stages.dense.max_steps=20`.\n"
      "`extends: other.yaml` merges maps and replaces lists.\n"
      "Inside a file, anchors and aliases are expanded and `<<: *anchor` merges maps as YAML 1.1 does (own keys win); "
      "keys `x-...` of the top level may hold anchors and are passed over.\n"
      "The names of other frameworks in the last column are not accepted; they are recognised, and the message says the name here.\n";
  for (const SectionInfo& section : sections()) {
    page += fmt::format("\n## {}\n\n{}\n\n| key | value | default | meaning | known elsewhere as |\n|-|-|-|-|-|\n",
                        section.path.empty() ? "Top level" : section.path, section.doc);
    for (const KeyInfo& key : section.keys) page += row(key);
  }
  page += "\n## Names that stand for nothing here\n\n| key | what to do |\n|-|-|\n";
  for (const ForeignName& name : foreign_names()) page += fmt::format("| {} | {} |\n", code(name.name), name.advice);
  return page;
}

}  // namespace

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
