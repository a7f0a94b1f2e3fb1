// OLMoE (arXiv:2409.02060): softmax over all experts, every layer sparse, query/key norms over the whole projection. config.json's
// intermediate_size is the experts'.
#include "recipes/convert/architectures/common.hpp"

#include <fmt/format.h>

namespace sluice::recipes {
namespace {

class Olmoe : public Architecture {
 public:
  Olmoe() : Architecture("olmoe", "OlmoeForCausalLM") {}

  std::optional<std::string> misfit(const ModelDescription& model) const override {
    if (!routes_by_softmax(model)) return "";
    if (auto reason = softmax_misfit(model)) return reason;
    const DecoderConfig& config = model.decoder;
    if (config.qk_norm != QkNorm::kProjection) return "";
    if (!every_layer_is_sparse(model))
      return "query/key norms over the whole projection: only OLMoE has them, in which every layer is sparse";
    if (config.head_dim * config.num_attention_heads != config.hidden_size)
      return fmt::format(
          "query/key norms over the whole projection: only OLMoE has them, which wants head_dim({}) times num_attention_heads({}) to be "
          "hidden_size({})",
          config.head_dim, config.num_attention_heads, config.hidden_size);
    return std::nullopt;
  }

  void write(const ModelDescription& model, OrderedJson& keys) const override {
    const moe::MoeConfig& moe = *model.moe;
    keys["intermediate_size"] = moe.expert_hidden_size;
    keys["attention_bias"] = false;
    keys["clip_qkv"] = nullptr;
    write_aux_loss(moe, keys);
    keys["num_experts"] = moe.num_experts;
    keys["norm_topk_prob"] = moe.norm_topk_prob;
  }

  void read(const ConfigKeys& keys, ModelDescription& model) const override {
    model.decoder = read_decoder(keys, *this, {.rms_norm_eps = 1e-5, .max_position_embeddings = 4096});
    model.decoder.qk_norm = QkNorm::kProjection;
    model.moe = read_experts(keys, all_layers(model.decoder.num_layers));
    model.moe->expert_hidden_size = keys.integer("intermediate_size");
    model.moe->norm_topk_prob = keys.boolean_or("norm_topk_prob", false);
  }
};

}  // namespace

const Architecture& olmoe() {
  static const Olmoe only;
  return only;
}

}  // namespace sluice::recipes
