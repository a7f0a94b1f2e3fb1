#include "recipes/schema/read_recipe.hpp"

#include "core/base/error.hpp"
#include "core/base/files.hpp"
#include "recipes/schema/conversion.hpp"
#include "recipes/schema/keys.hpp"
#include "recipes/schema/reading.hpp"
#include "recipes/schema/validate.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace sluice::recipes {
namespace {

// Sets the widths that the recipe does not give and that follow from others.
void derive_model(const Node& root, const Node& node, DecoderConfig& model) {
  if (!node.find("num_key_value_heads")) model.num_key_value_heads = model.num_attention_heads;
  if (!node.find("intermediate_size")) model.intermediate_size = 4 * model.hidden_size;
  if (node.find("head_dim")) return;
  if (model.hidden_size % model.num_attention_heads != 0) {
    const Node* heads = node.find("num_attention_heads");
    fail_at(heads ? heads->mark : node.mark,
            fmt::format("hidden_size({}) is not a multiple of num_attention_heads({}); state 'head_dim'{}", model.hidden_size,
                        model.num_attention_heads, default_notes(root, {"model.hidden_size", "model.num_attention_heads"})));
  }
  model.head_dim = model.hidden_size / model.num_attention_heads;
}

// Refuses by name the keys of `node` whose value in `said` is not the checkpoint's.
template <class T>
void require_same(const Node& node, const Keys<T>& keys, const T& said, const T& loaded, const std::string& init_from) {
  for (const Key<T>& key : keys) {
    const std::string here = key.write(said);
    const std::string there = key.write(loaded);
    if (here == there) continue;
    fail_at(node.find(key.info.name)->mark,
            fmt::format("'{}' is {} here and {} in init_from '{}'; the model comes from there, leave it out", key.info.name, here, there,
                        init_from));
  }
}

void read_moe(const Node& node, const ReadContext& context, moe::MoeConfig& moe) {
  read_keys(node, moe_keys(), moe, "moe", "'moe'", {}, context);
}

void read_model(const Node& root, const Node& node, Recipe& recipe) {
  read_keys(node, model_keys(), recipe.model, "model", "'model'", {"moe"});
  derive_model(root, node, recipe.model);
  const Node* moe = node.find("moe");
  if (!moe) return;
  recipe.initial_moe.emplace();
  for (std::int64_t layer = 0; layer < recipe.model.num_layers; ++layer) recipe.initial_moe->layers.push_back(layer);
  read_moe(*moe, {recipe.model.num_layers, default_notes(root, {"model.num_layers"})}, *recipe.initial_moe);
}

// init_from without a reader: the values can be checked, the shape is not known.
void check_model_values(const Node& node) {
  DecoderConfig model;
  moe::MoeConfig moe;
  read_keys(node, model_keys(), model, "model", "'model'", {"moe"});
  if (const Node* section = node.find("moe")) read_moe(*section, {}, moe);
}

// The same path, or the same bytes.
bool same_file(const std::filesystem::path& a, const std::filesystem::path& b) {
  if (a == b) return true;
  return std::filesystem::is_regular_file(a) && std::filesystem::is_regular_file(b) && read_file(a) == read_file(b);
}

void take_initial_model(const Node& root, const Node& node, const InitialModel& initial, Recipe& recipe) {
  recipe.model = initial.model;
  // These two follow from the tokenizer and the data, as in a recipe without init_from.
  recipe.model.vocab_size = 0;
  recipe.model.max_position_embeddings = 0;
  recipe.initial_moe = initial.moe;
  DecoderConfig said = recipe.model;
  read_keys(node, model_keys(), said, "model", "'model'", {"moe"});
  require_same(node, model_keys(), said, recipe.model, recipe.init_from);
  if (const Node* moe = node.find("moe")) {
    if (!initial.moe)
      fail_at(moe->key_mark, fmt::format("'moe' is said here and init_from '{}' is dense; use a sparsify stage", recipe.init_from));
    read_moe(*moe, {recipe.model.num_layers}, *recipe.initial_moe);
    require_same(*moe, moe_keys(), with_coefficients_of(*initial.moe, *recipe.initial_moe), *initial.moe, recipe.init_from);
  }
  const Node* data = root.find("data");
  const Node* tokenizer = data ? data->find("tokenizer") : nullptr;
  if (initial.tokenizer_path.empty()) {
    if (!tokenizer)
      fail_at(root.mark, fmt::format("init_from '{}' has no tokenizer.json: say which its ids are of in data.tokenizer", recipe.init_from));
    return;
  }
  const TokenizerConfig& named = recipe.data.tokenizer;
  const TokenizerConfig inherited = {TokenizerType::kFile, TokenizerConfig{}.vocab_size, initial.tokenizer_path};
  if (tokenizer && (named.type != TokenizerType::kFile || !same_file(named.path, inherited.path)))
    fail_at(tokenizer->mark,
            fmt::format("'tokenizer' comes from init_from '{}' ({}); leave it out", recipe.init_from, initial.tokenizer_path));
  recipe.data.tokenizer = inherited;
}

// A resolved recipe states its whole model, so that it can be read without the checkpoint it started from.
bool states_whole_model(const Node& node) {
  return std::all_of(model_keys().begin(), model_keys().end(), [&](const Key<DecoderConfig>& key) { return node.find(key.info.name); });
}

// The deepest value on the way to `key` that the document has; a stage is found by its name.
const Node& locate(const Node& root, const std::string& key) {
  const Node* node = &root;
  std::string rest = key;
  while (!rest.empty()) {
    const std::size_t dot = rest.find('.');
    const std::string part = rest.substr(0, dot);
    const Node* next = node->find(part);
    if (node->key == "stages" && node->kind == Node::Kind::kList) {
      for (const Node& stage : node->items) {
        const Node* name = stage.find("name");
        // The last of equal names is the one that is too many.
        if (name && name->text == part) next = &stage;
      }
    }
    if (!next) break;
    node = next;
    rest = dot == std::string::npos ? "" : rest.substr(dot + 1);
  }
  return *node;
}

}  // namespace

Recipe read_recipe(const std::filesystem::path& path, const std::vector<std::string>& overrides,
                   const InitialModelReader& read_initial_model) {
  const Node root = compose(path, overrides);
  Recipe recipe;
  read_keys(root, recipe_keys(), recipe, "", "the recipe", {"data", "model", "train", "parallel", "stages", "checkpoint"});
  const auto section = [&](const char* name) -> const Node& {
    static const Node empty;
    const Node* node = root.find(name);
    return node ? *node : empty;
  };
  for (const char* key : {"name", "data", "stages"})
    if (!root.find(key)) throw usage_error("{}: '{}' is missing; a recipe needs at least name, data.train and stages", path.string(), key);
  require_map(section("data"), "'data'");
  if (!section("data").find("train"))
    throw usage_error("{}: 'data.train' is missing; a recipe needs at least name, data.train and stages", path.string());
  read_keys(section("data"), data_keys(), recipe.data, "data", "'data'");
  read_keys(section("train"), train_keys(), recipe.train, "train", "'train'");
  follow_defaults({root.find("train")}, recipe.train);
  read_keys(section("parallel"), parallel_keys(), recipe.parallel, "parallel", "'parallel'");
  read_keys(section("checkpoint"), checkpoint_keys(), recipe.checkpoint, "checkpoint", "'checkpoint'");
  const bool elsewhere = !recipe.init_from.empty();
  const bool shape_known = !elsewhere || read_initial_model || states_whole_model(section("model"));
  if (elsewhere && read_initial_model)
    take_initial_model(root, section("model"), read_initial_model(recipe.init_from, recipe.directory()), recipe);
  else if (shape_known) read_model(root, section("model"), recipe);
  else check_model_values(section("model"));
  read_stages(root, shape_known, recipe);
  if (!shape_known) return recipe;
  if (const auto problem = find_problem(recipe)) {
    const Node& node = locate(root, problem->key);
    fail_at(node.mark.file.empty() && node.mark.override_text.empty() ? Mark{path.string(), 0, 0, ""} : node.mark,
            problem->text + default_notes(root, problem->keys));
  }
  return recipe;
}

}  // namespace sluice::recipes
