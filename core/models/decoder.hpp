// V0 of the line: a Llama/Qwen3-shaped decoder. Written once, for one device, against FeedForward slots.
// Legend: N rows, D model width, V vocabulary, L layers.
#pragma once

#include "core/shape/decoder_config.hpp"
#include "core/models/model.hpp"
#include "core/nn/numerics.hpp"

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace sluice {

class Decoder : public Model {
 public:
  /// Fills the slot of a path, "layers.3.feed_forward", in a layer of a path, "layers.3"; null for a dense one.
  using SlotFactory = std::function<std::unique_ptr<FeedForward>(const std::string& path, const std::string& layer)>;

  /// options: the element type, and the device that everything of the model lives on.
  Decoder(const DecoderConfig& config, const at::TensorOptions& options, const SlotFactory& slots = nullptr);

  ForwardOutput forward(const Batch& batch, ModelState* state, const StepContext& context, const FeatureRequest& request = {}) override;

  /// Weight of the language-model head, [V, D]: the embedding itself when tied.
  Parameter& head() { return config.tie_word_embeddings ? embedding : lm_head; }

  std::vector<Parameter*> parameters() override;
  FeedForward& slot(const std::string& path) override;
  Attention& attention(std::int64_t layer) { return *layers_[static_cast<std::size_t>(layer)].attention; }

  void set_type(at::ScalarType type) override;
  at::ScalarType type() const override { return type_; }
  at::Device device() const override { return embedding.value.device(); }

  const DecoderConfig config;
  Parameter embedding;  // [V, D]
  Parameter lm_head;    // [V, D], untied only
  Numerics head_numerics;

 private:
  struct Layer {
    Parameter input_norm, post_attention_norm;
    std::unique_ptr<Attention> attention;
    std::unique_ptr<FeedForward> feed_forward;
  };
  at::ScalarType type_;
  std::vector<Layer> layers_;
  Parameter final_norm_;
};

/// The path of layer i's slot in a decoder.
std::string feed_forward_path(std::int64_t layer);

}  // namespace sluice
