// A decoder of the Llama/Qwen3 shape. It is written for one device and knows its feed-forward layers only through the interface
// FeedForward; ranks appear nowhere. Legend: N rows, D model width, V vocabulary, L layers.
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
  /// Makes the feed-forward of a layer. `path` is the slot's path, "layers.3.feed_forward", and `layer` the layer's, "layers.3". Null means
  /// a dense one.
  using SlotFactory = std::function<std::unique_ptr<FeedForward>(const std::string& path, const std::string& layer)>;

  /// `options` are the element type, and the device of everything in the model. All weights are zeros. Without `slots` every feed-forward
  /// is dense.
  Decoder(const DecoderConfig& config, const at::TensorOptions& options, const SlotFactory& slots = nullptr);

  ForwardOutput forward(const Batch& batch, ModelState* state, const StepContext& context, const FeatureRequest& request = {}) override;

  /// The weight of the language-model head, [V, D]: the embedding itself if tied.
  Parameter& head() { return config.tie_word_embeddings ? embedding : lm_head; }

  std::vector<Parameter*> parameters() override;
  FeedForward& slot(const std::string& path) override;
  /// The attention of layer number `layer`, 0 .. L - 1.
  Attention& attention(std::int64_t layer) { return *layers_[static_cast<std::size_t>(layer)].attention; }

  void set_type(at::ScalarType type) override;
  at::ScalarType type() const override { return type_; }
  at::Device device() const override { return embedding.value.device(); }

  const DecoderConfig config;
  Parameter embedding;  // [V, D]
  Parameter lm_head;    // [V, D]; used only if the head is not tied to the embedding
  Numerics head_numerics;

 private:
  struct Layer {
    Parameter input_norm, post_attention_norm;
    std::unique_ptr<Attention> attention;
    std::unique_ptr<FeedForward> feed_forward;
  };
  // The residual stream between two layers, and what is still to be added to it (undefined before the first layer), so that the addition
  // happens inside the next norm.
  struct Stream {
    at::Tensor residual, delta;
  };
  // Sees the stream as it enters a layer, and what enters the layer's slot.
  using Observer = std::function<void(const at::Tensor& entering, const at::Tensor& slot_input)>;
  // Takes the stream through a layer. Returns the slot's statistics.
  std::optional<SlotStatistics> run(Layer& layer, Stream& stream, const RowTable& rows, AttentionCache* cache, const StepContext& context,
                                    const Observer& observe);
  // The same, but backward computes the layer again (core/nn/recompute.hpp).
  std::optional<SlotStatistics> run_twice(Layer& layer, Stream& stream, const RowTable& rows, const StepContext& context);

  at::ScalarType type_;
  std::vector<Layer> layers_;
  Parameter final_norm_;
};

}  // namespace sluice
