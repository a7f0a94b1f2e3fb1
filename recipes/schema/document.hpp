// Reads a YAML text into plain values that know where they were written. Only document.cpp uses yaml-cpp.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace sluice::recipes {

/// Where something was written: a place in a file (line and column from 1), or an override of the command line.
struct Mark {
  std::string file;
  int line = 0;  // 0: the whole file
  int column = 0;
  std::string override_text;  // "section.key=value"; if it is set, the other fields mean nothing
};

/// "recipes/v2.yaml:14:5", or "override 'train.seed=1'".
std::string where(const Mark& mark);

/// A value and, inside a map, its key.
struct Node {
  enum class Kind { kNothing, kScalar, kList, kMap };
  Kind kind = Kind::kNothing;
  Mark mark;
  std::string text;   // kScalar
  bool plain = true;  // kScalar: written without quotes
  std::string key;    // inside a map
  Mark key_mark;
  std::vector<Node> items;  // kList, kMap

  bool is_map() const { return kind == Kind::kMap; }
  bool is_scalar() const { return kind == Kind::kScalar; }
  /// The value of `name` in this map, or null.
  const Node* find(std::string_view name) const;
  Node* find(std::string_view name);
};

/// How a message names the value that was found: "'ten'", "the string '3'", "a list", "a map", "nothing". One line, shortened.
std::string describe(const Node& node);
/// As describe(), where a map was expected. If a typing slip turned the map into text, the slip is named too: "'keep:3': a space is missing
/// after 'keep:'".
std::string describe_no_map(const Node& node);

/// Throws a usage error: "WHERE: TEXT".
[[noreturn]] void fail_at(const Mark& mark, std::string_view text);

/// Reads one YAML document. Syntax errors, duplicate keys, a second document, unknown tags and keys that are no words
/// are usage errors with the place. An empty text gives kNothing. Anchors and aliases are expanded, and the maps of `<<` merged:
/// own keys win, then the earlier map's; every value keeps the mark of where it was written.
/// With `override_text` every mark names the override instead of a place.
Node parse_document(const std::string& text, const std::string& file, const std::string& override_text = "");

}  // namespace sluice::recipes
