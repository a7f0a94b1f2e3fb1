// Mixtral: softmax over all experts, the chosen ones' weights made to sum to 1; every layer sparse; no query/key norms. Its names of the
// sparse part are its own: block_sparse_moe.gate, block_sparse_moe.experts.e.{w1 (gate), w3 (up), w2 (down)}.
#include "recipes/convert/architectures/common.hpp"

#include <fmt/format.h>

namespace sluice::recipes {
namespace {

std::string own_name(const CanonicalTensor& tensor) {
  const TensorId& id = tensor.id;
  if (id.part == TensorPart::kRouter) return fmt::format("model.{}.block_sparse_moe.gate.weight", id.layer);
  if (id.part != TensorPart::kExpert) return tensor.name;
  const char* matrix = id.kind == TensorKind::kGate ? "w1" : id.kind == TensorKind::kUp ? "w3" : "w2";
  return fmt::format("model.{}.block_sparse_moe.experts.{}.{}.weight", id.layer, id.expert, matrix);
}

class Mixtral : public Architecture {
 public:
  Mixtral() : Architecture("mixtral", "MixtralForCausalLM") {}

  std::optional<std::string> misfit(const ModelDescription& model) const override {
    if (!routes_by_softmax(model)) return "";
    if (auto reason = softmax_misfit(model)) return reason;
    if (model.decoder.qk_norm != QkNorm::kNone) return "";
    if (!model.moe->norm_topk_prob)
      return "softmax scores without renormalisation and without query/key norms: Mixtral always renormalises";
    if (!every_layer_is_sparse(model)) return "dense layers among sparse ones without query/key norms: in Mixtral every layer is sparse";
    return std::nullopt;
  }

  void write(const ModelDescription& model, OrderedJson& keys) const override {
    keys["intermediate_size"] = model.moe->expert_hidden_size;
    keys["sliding_window"] = nullptr;
    write_aux_loss(*model.moe, keys);
    keys["num_local_experts"] = model.moe->num_experts;
    keys["router_jitter_noise"] = 0.0;
  }

  void read(const ConfigKeys& keys, ModelDescription& model) const override {
    model.decoder = read_decoder(
        keys, *this,
        {.num_key_value_heads = 8, .rope_theta = 1e6, .rms_norm_eps = 1e-5, .max_position_embeddings = 131072, .sliding_window = true});
    model.moe = read_experts(keys, all_layers(model.decoder.num_layers));
    model.moe->expert_hidden_size = keys.integer("intermediate_size");
    model.moe->norm_topk_prob = true;
  }

  std::vector<StoredTensor> tensors(const ModelDescription& model) const override {
    std::vector<StoredTensor> stored = Architecture::tensors(model);
    for (StoredTensor& tensor : stored) tensor.info.name = own_name(tensor.parts.front().tensor);
    return stored;
  }
};

}  // namespace

const Architecture& mixtral() {
  static const Mixtral only;
  return only;
}

}  // namespace sluice::recipes
