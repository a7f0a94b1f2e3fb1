#include "recipes/schema/reading.hpp"

#include "recipes/schema/conversion.hpp"
#include "recipes/schema/keys.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace sluice::recipes {
namespace {

const Node& or_empty(const Node* node) {
  static const Node empty;
  return node ? *node : empty;
}

// What type and method of a stage mean together.
std::optional<moe::ConversionKind> read_conversion(const Node* method, StageType type, const std::string& title) {
  const std::vector<moe::ConversionKind> kinds = conversions_of(type);
  const bool has_choice = kinds.size() > 1;
  if (method && !has_choice)
    fail_at(method->mark, fmt::format("{}: 'method' means nothing in a {} stage; leave it out", title, name_of(type)));
  if (kinds.empty()) return std::nullopt;
  if (!method) return kinds.front();
  const auto found = std::find_if(kinds.begin(), kinds.end(), [&](moe::ConversionKind kind) { return method_of(kind) == method->text; });
  if (found == kinds.end())
    fail_at(method->mark, fmt::format("{}: {} has the methods {}, found {}", title, name_of(type), methods_text(type), method->text));
  return *found;
}

void resolve_moe(const Node* node, const std::string& title, const ReadContext& context, std::size_t index, Recipe& recipe) {
  Stage& stage = recipe.stages[index];
  std::optional<moe::MoeConfig> shape = shape_before(recipe, index);
  const bool sparse_before = shape.has_value();
  if (!stage.conversion && !shape && node)
    fail_at(node->key_mark, fmt::format("'moe' means nothing in {}: its model is dense; use a sparsify stage", title));
  const moe::ConversionRule* rule = stage.conversion ? &moe::rule_of(*stage.conversion) : nullptr;
  const bool becomes_sparse = rule != nullptr && rule->starts_dense() && !sparse_before;
  if (becomes_sparse) {
    shape = moe::MoeConfig{};
    for (std::int64_t layer = 0; layer < recipe.model.num_layers; ++layer) shape->layers.push_back(layer);
  }
  if (rule != nullptr && shape) shape = rule->shape_after(*shape);
  if (shape) read_keys(or_empty(node), moe_keys(), *shape, "moe", "'moe'", {}, context);
  if (becomes_sparse && !or_empty(node).find("expert_hidden_size")) shape->expert_hidden_size = rule->expert_width(recipe.model, *shape);
  stage.moe = shape;
}

void require_same_model(const Node& node, const Recipe& recipe, const std::string& title) {
  DecoderConfig model = recipe.model;
  if (const Node* moe = node.find("moe")) fail_at(moe->key_mark, fmt::format("write 'moe' beside 'type' in {}, not inside 'model'", title));
  read_keys(node, model_keys(), model, "model", "'model'");
  for (const Key<DecoderConfig>& key : model_keys()) {
    if (key.write(model) == key.write(recipe.model)) continue;
    fail_at(node.find(key.info.name)->mark, fmt::format("'{}' cannot change between stages ({} at the top level, {} in {})", key.info.name,
                                                        key.write(recipe.model), key.write(model), title));
  }
}

}  // namespace

void read_stages(const Node& root, bool shape_known, Recipe& recipe) {
  const Node& stages = *root.find("stages");
  const ReadContext context{recipe.model.num_layers, default_notes(root, {"model.num_layers"})};
  if (stages.kind != Node::Kind::kList)
    fail_at(stages.mark, fmt::format("'stages' must be a list of stages, found {}", describe_no_map(stages)));
  static const std::vector<std::string> kSubsections = {"moe", "data", "train", "model", "parallel"};
  for (const Node& node : stages.items) {
    if (!node.is_map()) fail_at(node.mark, fmt::format("a stage must be a map, found {}", describe_no_map(node)));
    const Node* name = node.find("name");
    const std::string title = name && name->is_scalar() ? fmt::format("stage '{}'", name->text) : "'stages'";
    Stage stage;
    stage.data = recipe.data;
    stage.train = recipe.train;
    stage.parallel = recipe.parallel;
    read_keys(node, stage_keys(), stage, "stages", title, kSubsections);
    for (const char* key : {"name", "type", "max_steps"})
      if (!node.find(key)) fail_at(node.mark, fmt::format("'{}' is missing in {}", key, name ? title : "a stage"));
    stage.conversion = read_conversion(node.find("method"), stage.type, title);
    const Node& train = or_empty(node.find("train"));
    read_keys(or_empty(node.find("data")), data_keys(), stage.data, "data", "'data'");
    read_keys(train, train_keys(), stage.train, "train", "'train'");
    follow_defaults({root.find("train"), &train}, stage.train);
    read_keys(or_empty(node.find("parallel")), parallel_keys(), stage.parallel, "parallel", "'parallel'");
    stage.own_lr_schedule = train.find("lr_scheduler") != nullptr;
    if (shape_known) require_same_model(or_empty(node.find("model")), recipe, title);
    recipe.stages.push_back(std::move(stage));
    const Node* moe = node.find("moe");
    if (shape_known) {
      resolve_moe(moe, title, context, recipe.stages.size() - 1, recipe);
    } else if (moe) {
      moe::MoeConfig checked;
      read_keys(*moe, moe_keys(), checked, "moe", "'moe'");
    }
  }
}

}  // namespace sluice::recipes
