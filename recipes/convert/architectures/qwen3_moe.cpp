// Qwen3-MoE: softmax over all experts, dense layers anywhere among the sparse ones, query/key norms by head.
#include "recipes/convert/architectures/common.hpp"

#include <algorithm>

namespace sluice::recipes {
namespace {

std::vector<std::int64_t> read_sparse_layers(const ConfigKeys& keys, std::int64_t num_layers) {
  const std::int64_t step = keys.integer_or("decoder_sparse_step", 1);
  if (step < 1) throw keys.wrong("decoder_sparse_step", "at least 1");
  const auto dense = keys.has("mlp_only_layers") ? keys.integers("mlp_only_layers") : std::vector<std::int64_t>{};
  std::vector<std::int64_t> layers;
  for (const std::int64_t layer : all_layers(num_layers))
    if ((layer + 1) % step == 0 && std::count(dense.begin(), dense.end(), layer) == 0) layers.push_back(layer);
  return layers;
}

class Qwen3Moe : public Architecture {
 public:
  Qwen3Moe() : Architecture("qwen3_moe", "Qwen3MoeForCausalLM") {}

  std::optional<std::string> misfit(const ModelDescription& model) const override {
    if (!routes_by_softmax(model)) return "";
    if (auto reason = softmax_misfit(model)) return reason;
    if (model.decoder.qk_norm != QkNorm::kHead) return "";
    return std::nullopt;
  }

  void write(const ModelDescription& model, OrderedJson& keys) const override {
    const moe::MoeConfig& moe = *model.moe;
    keys["attention_bias"] = false;
    keys["use_sliding_window"] = false;
    keys["sliding_window"] = nullptr;
    write_aux_loss(moe, keys);
    keys["num_experts"] = moe.num_experts;
    keys["moe_intermediate_size"] = moe.expert_hidden_size;
    keys["norm_topk_prob"] = moe.norm_topk_prob;
    keys["decoder_sparse_step"] = 1;
    keys["mlp_only_layers"] = OrderedJson::array();
    for (const std::int64_t layer : all_layers(model.decoder.num_layers))
      if (!model.is_sparse(layer)) keys["mlp_only_layers"].push_back(layer);
  }

  void read(const ConfigKeys& keys, ModelDescription& model) const override {
    model.decoder = read_decoder(keys, *this, {.num_key_value_heads = 4, .max_position_embeddings = 32768});
    model.decoder.qk_norm = QkNorm::kHead;
    moe::MoeConfig moe = read_experts(keys, read_sparse_layers(keys, model.decoder.num_layers));
    if (moe.layers.empty() || moe.num_experts == 0) return;  // all layers are dense
    moe.expert_hidden_size = keys.integer("moe_intermediate_size");
    moe.norm_topk_prob = keys.boolean_or("norm_topk_prob", false);
    model.moe = moe;
  }
};

}  // namespace

const Architecture& qwen3_moe() {
  static const Qwen3Moe only;
  return only;
}

}  // namespace sluice::recipes
