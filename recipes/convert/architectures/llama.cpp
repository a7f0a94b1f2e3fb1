// Llama: dense, without query/key norms.
#include "recipes/convert/architectures/common.hpp"

#include <fmt/format.h>

namespace sluice::recipes {
namespace {

class Llama : public Architecture {
 public:
  Llama() : Architecture("llama", "LlamaForCausalLM") {}

  std::optional<std::string> misfit(const ModelDescription& model) const override {
    const DecoderConfig& config = model.decoder;
    if (model.moe || config.qk_norm == QkNorm::kHead) return "";
    if (config.qk_norm == QkNorm::kProjection) return "query/key norms over the whole projection: no dense architecture has them";
    if (config.hidden_size % config.num_attention_heads != 0)
      return fmt::format("Llama wants num_attention_heads({}) to divide hidden_size({})", config.num_attention_heads, config.hidden_size);
    return std::nullopt;
  }

  void write(const ModelDescription&, OrderedJson& keys) const override {
    keys["attention_bias"] = false;
    keys["mlp_bias"] = false;
    keys["pretraining_tp"] = 1;
  }

  void read(const ConfigKeys& keys, ModelDescription& model) const override { model.decoder = read_decoder(keys, *this, {}); }
};

}  // namespace

const Architecture& llama() {
  static const Llama only;
  return only;
}

}  // namespace sluice::recipes
