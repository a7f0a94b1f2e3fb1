// V0 of the line: a Llama/Qwen3-shaped decoder. Written once, for one device, against FeedForward slots.
// Legend: N = B*T rows, D model width, V vocabulary, L layers.
#pragma once

#include "core/models/decoder_config.hpp"
#include "core/nn/numerics.hpp"
#include "core/nn/attention.hpp"
#include "core/nn/feed_forward.hpp"
#include "core/nn/parameter.hpp"

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace sluice {

/// Key/value caches of all layers: one kind of model state.
struct ModelState {
  std::vector<AttentionCache> layers;
  std::int64_t length = 0;

  std::int64_t bytes() const;
};

struct ForwardOutput {
  at::Tensor hidden;                         // [N, D], after the final norm
  std::vector<SlotStatistics> statistics;    // one per sparse layer, ascending
  std::map<std::string, at::Tensor> features;  // on request, by path ("layers.3")
};

struct ForwardRequest {
  ModelState* state = nullptr;        // inference only: continue and grow it
  std::vector<std::string> features;  // to capture: "embedding", "layers.I" (residual stream after layer I), "layers.I.feed_forward.input"
  std::function<at::Tensor(const at::Tensor&)> keep;  // what of a captured feature [N, D] is kept; all of it where this is empty
};

class Decoder {
 public:
  /// Fills layer i's FeedForward slot; returns null for "dense".
  using SlotFactory = std::function<std::unique_ptr<FeedForward>(std::int64_t layer, const std::string& prefix)>;

  /// options: the element type, and the device that everything of the model lives on.
  Decoder(const DecoderConfig& config, const at::TensorOptions& options, const SlotFactory& slots = nullptr);

  /// ids int64 [N], rows in the order of the table.
  ForwardOutput forward(const at::Tensor& ids, const RowTable& rows, const StepContext& context, const ForwardRequest& request = {});

  /// Weight of the language-model head, [V, D]: the embedding itself when tied.
  Parameter& head() { return config.tie_word_embeddings ? embedding : lm_head; }

  std::vector<Parameter*> parameters();
  Attention& attention(std::int64_t layer) { return *layers_[static_cast<std::size_t>(layer)].attention; }
  FeedForward& feed_forward(std::int64_t layer) { return *layers_[static_cast<std::size_t>(layer)].feed_forward; }

  /// Computes in another element type from now on (receipts of bfloat16 models are evaluated in float32).
  void set_type(at::ScalarType type);
  at::ScalarType type() const { return type_; }
  /// Makes products see the current values (after an optimizer step).
  void refresh_compute();

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

}  // namespace sluice
