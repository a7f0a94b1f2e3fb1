// Glm4Moe: sigmoid scores with a selection bias, shared experts, a factor on the routed sum; dense layers only before the first sparse one.
#include "recipes/convert/architectures/common.hpp"

#include <algorithm>

namespace sluice::recipes {
namespace {

bool sparse_layers_are_last(const ModelDescription& model) {
  return model.moe->layers.back() - model.moe->layers.front() + 1 == static_cast<std::int64_t>(model.moe->layers.size()) &&
         model.moe->layers.back() == model.decoder.num_layers - 1;
}

// Glm4Moe always has a selection bias and shared experts. For a model without them, adds a bias of zeros and shared experts of width 0.
void add_expected(const ModelDescription& model, const std::string& layer, std::vector<StoredTensor>& stored) {
  const auto add = [&](TensorPart part, TensorKind kind, DType dtype, checkpoint::Shape shape) {
    stored.push_back({{name_of(TensorId{layer, part, kind}), checkpoint::stored_type_of(dtype), std::move(shape)}, {}});
  };
  if (!model.router_bias()) add(TensorPart::kRouter, TensorKind::kSelectionBias, DType::kFloat32, {model.moe->num_experts});
  if (model.moe->num_shared_experts > 0) return;
  add(TensorPart::kSharedExperts, TensorKind::kGate, model.dtype, {0, model.decoder.hidden_size});
  add(TensorPart::kSharedExperts, TensorKind::kUp, model.dtype, {0, model.decoder.hidden_size});
  add(TensorPart::kSharedExperts, TensorKind::kDown, model.dtype, {model.decoder.hidden_size, 0});
}

class Glm4Moe : public Architecture {
 public:
  Glm4Moe() : Architecture("glm4_moe", "Glm4MoeForCausalLM") {}

  std::optional<std::string> misfit(const ModelDescription& model) const override {
    if (!model.moe || model.moe->score_func != moe::ScoreFunction::kSigmoid) return "";
    if (model.decoder.qk_norm == QkNorm::kProjection)
      return "sigmoid scores with query/key norms over the whole projection: Glm4Moe has them by head";
    if (!sparse_layers_are_last(model))
      return "sigmoid scores with a dense layer after a sparse one: Glm4Moe has dense layers only at the beginning";
    if (model.moe->num_experts < 2) return "sigmoid scores with one expert: Glm4Moe needs two";
    return std::nullopt;
  }

  void write(const ModelDescription& model, OrderedJson& keys) const override {
    const moe::MoeConfig& moe = *model.moe;
    keys["rope_parameters"]["partial_rotary_factor"] = 1.0;  // an absent key would mean 0.5
    keys["partial_rotary_factor"] = 1.0;
    keys["attention_bias"] = false;
    keys["use_qk_norm"] = model.decoder.qk_norm == QkNorm::kHead;
    keys["num_experts_per_tok"] = moe.top_k;
    keys["output_router_logits"] = false;
    keys["n_routed_experts"] = moe.num_experts;
    keys["n_shared_experts"] = moe.num_shared_experts;
    keys["moe_intermediate_size"] = moe.expert_hidden_size;
    keys["first_k_dense_replace"] = moe.layers.front();
    keys["norm_topk_prob"] = moe.norm_topk_prob;
    keys["routed_scaling_factor"] = moe.routed_scaling_factor;
    keys["n_group"] = 1;
    keys["topk_group"] = 1;
    keys["num_nextn_predict_layers"] = 0;
  }

  void read(const ConfigKeys& keys, ModelDescription& model) const override {
    model.decoder = read_decoder(
        keys, *this, {.num_key_value_heads = 8, .rms_norm_eps = 1e-5, .max_position_embeddings = 131072, .partial_rotary_factor = 0.5});
    model.decoder.qk_norm = keys.boolean_or("use_qk_norm", false) ? QkNorm::kHead : QkNorm::kNone;
    std::vector<std::int64_t> layers = all_layers(model.decoder.num_layers);
    const std::int64_t dense =
        std::clamp<std::int64_t>(keys.integer_or("first_k_dense_replace", 1), 0, static_cast<std::int64_t>(layers.size()));
    layers.erase(layers.begin(), layers.begin() + dense);
    moe::MoeConfig moe = read_experts(keys, std::move(layers));
    if (moe.layers.empty()) return;  // all layers are dense
    moe.expert_hidden_size = keys.integer("moe_intermediate_size");
    moe.score_func = moe::ScoreFunction::kSigmoid;
    moe.norm_topk_prob = keys.boolean_or("norm_topk_prob", true);
    moe.num_shared_experts = keys.integer_or("n_shared_experts", 1);
    moe.routed_scaling_factor = keys.number_or("routed_scaling_factor", 1.0);
    moe.aux_loss_coef = 0.0;
    model.moe = moe;
    model.has_router_bias = true;
  }

  std::vector<StoredTensor> tensors(const ModelDescription& model) const override {
    std::vector<StoredTensor> stored;
    for (StoredTensor& tensor : Architecture::tensors(model)) {
      const TensorId id = tensor.parts.front().tensor.id;
      stored.push_back(std::move(tensor));
      if (id.part == TensorPart::kRouter && id.kind == TensorKind::kWeight) add_expected(model, id.layer, stored);
    }
    return stored;
  }

  // The block of multi-token prediction is stored as one more layer.
  std::string left_aside(const ModelDescription& model, std::string_view name) const override {
    const bool behind = name.starts_with("model." + layer_path(model.decoder.num_layers) + ".");
    return behind ? "multi-token prediction is not part of the model" : "";
  }
};

}  // namespace

const Architecture& glm4_moe() {
  static const Glm4Moe only;
  return only;
}

}  // namespace sluice::recipes
