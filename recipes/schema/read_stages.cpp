#include "recipes/schema/read_stages.hpp"

#include "recipes/schema/conversion.hpp"
#include "recipes/schema/defaults.hpp"
#include "recipes/schema/keys.hpp"

#include <fmt/format.h>

namespace sluice::recipes {
namespace {

const Node& or_empty(const Node* node) {
  static const Node empty;
  return node ? *node : empty;
}

// The expert_hidden_size with which a sparsify conversion keeps the function, for a recipe that does not give it; 0 if it does not divide.
std::int64_t derived_width(const DecoderConfig& model, const moe::MoeConfig& moe, ConversionMethod method) {
  const std::int64_t parts = (method == ConversionMethod::kVirtualGroup ? moe.top_k : 1) + moe.num_shared_experts;
  return model.intermediate_size % parts == 0 ? model.intermediate_size / parts : 0;
}

void resolve_moe(const Node* node, const std::string& title, const ReadContext& context, std::size_t index, Recipe& recipe) {
  Stage& stage = recipe.stages[index];
  std::optional<moe::MoeConfig> shape = shape_before(recipe, index);
  const bool sparse_before = shape.has_value();
  switch (stage.type) {
    case StageType::kPretrain:
      if (!shape && node)
        fail_at(node->key_mark, fmt::format("'moe' means nothing in {}: its model is dense; use a sparsify stage", title));
      break;
    case StageType::kSparsify:
      if (stage.method == ConversionMethod::kNone) stage.method = ConversionMethod::kCopy;
      if (sparse_before) break;
      shape = moe::MoeConfig{};
      for (std::int64_t layer = 0; layer < recipe.model.num_layers; ++layer) shape->layers.push_back(layer);
      break;
    case StageType::kGrow:
      if (stage.method == ConversionMethod::kNone) stage.method = ConversionMethod::kFamily;
      if (!shape) break;
      shape->num_experts *= 2;
      if (stage.method == ConversionMethod::kFamily) shape->family_size *= 2;
      if (stage.method == ConversionMethod::kDoubleTopK) shape->top_k *= 2;
      break;
    case StageType::kFlatten:
      if (shape) shape->family_size = 1;
      break;
  }
  if (shape) read_keys(or_empty(node), moe_keys(), *shape, "moe", "'moe'", {}, context);
  if (stage.type == StageType::kSparsify && !sparse_before && !or_empty(node).find("expert_hidden_size")) {
    shape->expert_hidden_size = derived_width(recipe.model, *shape, stage.method);
  }
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
    for (const char* key : {"name", "type", "max_steps"}) {
      if (!node.find(key)) fail_at(node.mark, fmt::format("'{}' is missing in {}", key, name ? title : "a stage"));
    }
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
