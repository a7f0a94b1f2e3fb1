// The tables of all recipe keys, a catalogue of their sections, and suggestions for unknown names.
#pragma once

#include "recipes/schema/key.hpp"
#include "recipes/schema/recipe.hpp"

#include <string>
#include <vector>

namespace sluice::recipes {

const Keys<TokenizerConfig>& tokenizer_keys();
const Keys<DataConfig>& data_keys();
const Keys<DecoderConfig>& model_keys();
const Keys<moe::MoeConfig>& moe_keys();
const Keys<TrainConfig>& train_keys();
const Keys<ParallelConfig>& parallel_keys();
const Keys<Stage>& stage_keys();
const Keys<CheckpointConfig>& checkpoint_keys();
const Keys<Recipe>& recipe_keys();

/// A section as the reference page and the suggestions see it. Keys of type "section" open another one.
struct SectionInfo {
  std::string path;  // "" (top level), "data", "data.tokenizer", "model", "moe", "train", "parallel", "stages", "checkpoint"
  std::string doc;
  std::vector<KeyInfo> keys;
};
const std::vector<SectionInfo>& sections();

/// A key of another framework that has no counterpart here, and what to do instead.
struct ForeignName {
  std::string name;
  std::string advice;
};
const std::vector<ForeignName>& foreign_names();

/// "unknown key 'num_expert' in 'moe'; did you mean 'num_experts'?" for a key of the section `path`, called `title` in the message.
/// Knows other frameworks' names, keys of other sections, and the nearest by edit distance.
std::string unknown_key(const std::string& path, const std::string& title, const std::string& key);

/// Reads the keys of `map` into `out`, as the table `keys` says; kNothing counts as an empty map. A key that is neither in the table nor in
/// `subsections` is a usage error. `path` and `title` are those of unknown_key().
template <class T>
void read_keys(const Node& map, const Keys<T>& keys, T& out, const std::string& path, const std::string& title,
               const std::vector<std::string>& subsections = {}, const ReadContext& context = {});

/// The KeyInfo of each key of a table, with its default: the value that a default T has, unless the key names another.
template <class T>
std::vector<KeyInfo> describe_keys(const Keys<T>& keys) {
  std::vector<KeyInfo> infos;
  for (const Key<T>& key : keys) {
    infos.push_back(key.info);
    if (infos.back().default_value.empty()) infos.back().default_value = key.write(T{});
  }
  return infos;
}

/// The layer numbers, ascending, that a `layers:` value means: `all`, or a list of numbers, paths (layers.3.feed_forward) and patterns
/// (layers.*.feed_forward).
std::vector<std::int64_t> read_layers(const Node& node, const ReadContext& context);

// ---

/// Usage error "'train' must be a map, found 'x'" unless `node` is a map or holds nothing.
void require_map(const Node& node, const std::string& title);
bool contains(const std::vector<std::string>& names, const std::string& name);

template <class T>
void read_keys(const Node& map, const Keys<T>& keys, T& out, const std::string& path, const std::string& title,
               const std::vector<std::string>& subsections, const ReadContext& context) {
  require_map(map, title);
  for (const Node& node : map.items) {
    bool known = contains(subsections, node.key);
    for (const Key<T>& key : keys) {
      if (key.info.name != node.key) continue;
      key.read(out, node, context);
      known = true;
      break;
    }
    if (!known) fail_at(node.key_mark, unknown_key(path, title, node.key));
  }
}

}  // namespace sluice::recipes
