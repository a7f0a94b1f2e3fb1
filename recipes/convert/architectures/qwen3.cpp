// Qwen3: dense, with query/key norms by head.
#include "recipes/convert/architectures/common.hpp"

namespace sluice::recipes {
namespace {

class Qwen3 : public Architecture {
 public:
  Qwen3() : Architecture("qwen3", "Qwen3ForCausalLM") {}

  std::optional<std::string> misfit(const ModelDescription& model) const override {
    if (model.moe || model.decoder.qk_norm != QkNorm::kHead) return "";
    return std::nullopt;
  }

  void write(const ModelDescription& model, OrderedJson& keys) const override {
    keys["attention_bias"] = false;
    keys["max_window_layers"] = model.decoder.num_layers;
    keys["use_sliding_window"] = false;
    keys["sliding_window"] = nullptr;
  }

  void read(const ConfigKeys& keys, ModelDescription& model) const override {
    model.decoder = read_decoder(keys, *this, {.num_key_value_heads = 32, .head_dim = 128, .max_position_embeddings = 32768});
    model.decoder.qk_norm = QkNorm::kHead;
  }
};

}  // namespace

const Architecture& qwen3() {
  static const Qwen3 only;
  return only;
}

}  // namespace sluice::recipes
