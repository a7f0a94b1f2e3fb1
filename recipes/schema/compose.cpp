#include "recipes/schema/reading.hpp"

#include "core/base/error.hpp"
#include "core/base/file_kind.hpp"
#include "core/base/files.hpp"
#include "recipes/schema/nearest.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <system_error>
#include <utility>

namespace sluice::recipes {
namespace {

namespace fs = std::filesystem;

// A recipe that changes the kind of tokenizer must not keep what belongs to the other kind.
void drop_other_tokenizer(Node& into, const Node& over) {
  const auto drop = [&](const char* name) {
    into.items.erase(std::remove_if(into.items.begin(), into.items.end(), [&](const Node& item) { return item.key == name; }),
                     into.items.end());
  };
  if (over.find("path") && !over.find("type")) {
    drop("type");
    drop("vocab_size");
  }
  if (const Node* type = over.find("type"); type && !over.find("path")) {
    if (type->text != "file") drop("path");
    if (type->text != "bpe") drop("vocab_size");
  }
}

// `over` wins. The key and its mark stay those of the value that is there in the end.
void merge(Node& into, const Node& over) {
  if (into.key == "tokenizer" && into.is_scalar() && over.is_map()) {
    Node type = std::move(into);
    into = over;
    into.items.clear();
    type.key = "type";
    into.items.push_back(std::move(type));
  }
  // An empty `train:` adds nothing to a map.
  if (into.is_map() && over.kind == Node::Kind::kNothing) return;
  if (!into.is_map() || !over.is_map()) {
    into = over;
    return;
  }
  if (into.key == "tokenizer") drop_other_tokenizer(into, over);
  for (const Node& item : over.items)
    if (Node* old = into.find(item.key)) merge(*old, item);
    else into.items.push_back(item);
}

std::string read_text_file(const fs::path& path, const Mark& said_at) {
  std::error_code ignored;
  const bool first = said_at.file.empty();
  const auto fail = [&](const std::string& text) {
    throw usage_error("{}{}", first ? "" : fmt::format("{}: extends ", where(said_at)), text);
  };
  if (fs::is_directory(path, ignored)) fail(fmt::format("{}: is a folder, not a recipe", path.string()));
  try {
    const std::string text = read_file(path);
    refuse_foreign(text, path.string(), "a recipe", "name a YAML file");
    return text;
  } catch (const Error& error) {
    fail(error.what());
  }
  return "";
}

Node load(const fs::path& path, const Mark& said_at, std::vector<std::string>& chain) {
  const std::string text = read_text_file(path, said_at);
  std::error_code ignored;
  const std::string identity = fs::weakly_canonical(path, ignored).string();
  if (std::find(chain.begin(), chain.end(), identity) != chain.end()) {
    std::string circle;
    for (const std::string& link : chain) circle += fs::path(link).filename().string() + " -> ";
    fail_at(said_at, fmt::format("extends goes in a circle: {}{}", circle, path.filename().string()));
  }
  chain.push_back(identity);
  Node root = parse_document(text, path.string());
  if (root.kind == Node::Kind::kNothing)
    throw usage_error("{}: is empty; a recipe needs at least name, data.train and stages", path.string());
  if (!root.is_map()) fail_at(root.mark, fmt::format("a recipe is a map of keys, found {}", describe_no_map(root)));
  // Holders of anchors; the values have been copied to where they are used.
  root.items.erase(std::remove_if(root.items.begin(), root.items.end(), [](const Node& item) { return item.key.rfind("x-", 0) == 0; }),
                   root.items.end());
  const auto extends = std::find_if(root.items.begin(), root.items.end(), [](const Node& item) { return item.key == "extends"; });
  if (extends == root.items.end()) return root;
  if (!extends->is_scalar() || extends->text.empty())
    fail_at(extends->mark, fmt::format("'extends' must be the path of a recipe, found {}", describe(*extends)));
  Node base = load((path.parent_path() / extends->text).lexically_normal(), extends->mark, chain);
  root.items.erase(extends);
  merge(base, root);
  base.mark = root.mark;
  return base;
}

std::vector<std::string> split(const std::string& text) {
  std::vector<std::string> parts(1);
  for (const char c : text)
    if (c == '.') parts.emplace_back();
    else parts.back() += c;
  return parts;
}

// A map under `parent` called `key`; what is there already stays if it can be merged into.
Node& descend(Node& parent, const std::string& key, const Mark& mark) {
  Node* child = parent.find(key);
  if (!child) {
    Node map;
    map.kind = Node::Kind::kMap;
    map.mark = map.key_mark = mark;
    map.key = key;
    parent.items.push_back(std::move(map));
    return parent.items.back();
  }
  if (child->kind == Node::Kind::kNothing) child->kind = Node::Kind::kMap;
  return *child;
}

Node& find_stage(Node& root, const std::string& name, const Mark& mark) {
  std::vector<std::string> names;
  if (Node* stages = root.find("stages"); stages && stages->kind == Node::Kind::kList) {
    for (Node& stage : stages->items) {
      const Node* stage_name = stage.find("name");
      if (!stage_name) continue;
      if (stage_name->text == name) return stage;
      names.push_back(stage_name->text);
    }
  }
  if (names.empty()) fail_at(mark, fmt::format("no stage is called '{}'; the recipe has no stages", name));
  const std::string meant = nearest(name, names);
  const std::string advice = meant.empty() ? fmt::format("stages: {}", fmt::join(names, ", ")) : fmt::format("did you mean '{}'?", meant);
  fail_at(mark, fmt::format("no stage is called '{}'; {}", name, advice));
}

void apply_override(Node& root, const std::string& text) {
  const Mark mark{"", 0, 0, text};
  const std::size_t equals = text.find('=');
  const std::string path = text.substr(0, equals);
  const std::vector<std::string> parts = split(path);
  if (equals == std::string::npos || std::find(parts.begin(), parts.end(), "") != parts.end())
    fail_at(mark, "expected section.key=value, for example train.learning_rate=1e-3 or stages.NAME.max_steps=20");
  if (parts[0] == "extends") fail_at(mark, "'extends' is said in a file, not on the command line");
  Node value = parse_document(text.substr(equals + 1), "", text);
  value.key = parts.back();
  value.key_mark = mark;
  Node* parent = &root;
  std::size_t depth = 0;
  if (parts[0] == "stages" && parts.size() > 1) {
    if (parts.size() == 2) fail_at(mark, fmt::format("expected stages.NAME.key=value, found no key after '{}'", parts[1]));
    parent = &find_stage(root, parts[1], mark);
    depth = 2;
  }
  // Wrap the value in the maps of its path, then merge it like an extending recipe.
  for (; depth + 1 < parts.size(); ++depth) {
    Node& child = descend(*parent, parts[depth], mark);
    if (!child.is_map()) {
      Node map;
      map.kind = Node::Kind::kMap;
      map.mark = map.key_mark = mark;
      map.key = parts[depth];
      merge(child, map);
    }
    if (child.key == "tokenizer" && depth + 2 == parts.size()) {
      Node single;
      single.kind = Node::Kind::kMap;
      single.items.push_back(value);
      drop_other_tokenizer(child, single);
    }
    parent = &child;
  }
  if (Node* old = parent->find(value.key)) merge(*old, value);
  else parent->items.push_back(value);
}

}  // namespace

Node compose(const std::filesystem::path& path, const std::vector<std::string>& overrides) {
  std::vector<std::string> chain;
  Node root = load(path, {}, chain);
  for (const std::string& text : overrides) apply_override(root, text);
  return root;
}

}  // namespace sluice::recipes
