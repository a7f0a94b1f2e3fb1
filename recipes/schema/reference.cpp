#include "recipes/schema/reference.hpp"

#include "recipes/schema/keys.hpp"

#include <fmt/format.h>

namespace sluice::recipes {
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

}  // namespace

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

}  // namespace sluice::recipes
