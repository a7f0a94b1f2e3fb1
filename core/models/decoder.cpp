#include "core/models/decoder.hpp"

#include "core/base/error.hpp"
#include "core/nn/embedding.hpp"
#include "core/nn/rms_norm.hpp"
#include "core/nn/swiglu.hpp"
#include "core/tensor/dtype_map.hpp"

#include <algorithm>

namespace sluice {

Decoder::Decoder(const DecoderConfig& shape, const at::TensorOptions& options, const SlotFactory& slots)
    : config(shape), type_(type_of(options)) {
  const auto norm = [&](const ModelTensor& tensor) {
    Parameter p = Parameter::of(tensor, options);
    p.decay = false;
    return p;
  };
  embedding = Parameter::of(embedding_tensor(config), options);
  const auto rope = std::make_shared<RopeTable>(config.rope_theta, config.head_dim, accumulate_options(options));
  for (std::int64_t i = 0; i < config.num_layers; ++i) {
    const std::string path = layer_path(i);
    Layer layer;
    layer.input_norm = norm(input_norm_tensor(config, path));
    layer.attention = std::make_unique<Attention>(path, config, rope, options);
    layer.post_attention_norm = norm(post_attention_norm_tensor(config, path));
    if (slots) layer.feed_forward = slots(feed_forward_path(i), path);
    if (!layer.feed_forward)
      layer.feed_forward = std::make_unique<DenseFeedForward>(
          swiglu_tensors({path, TensorPart::kFeedForward}, config.hidden_size, config.intermediate_size), options);
    layers_.push_back(std::move(layer));
  }
  final_norm_ = norm(final_norm_tensor(config));
  if (!config.tie_word_embeddings) lm_head = Parameter::of(head_tensor(config), options);
}

std::vector<Parameter*> Decoder::parameters() {
  std::vector<Parameter*> all = {&embedding};
  for (Layer& layer : layers_) {
    all.push_back(&layer.input_norm);
    layer.attention->collect(all);
    all.push_back(&layer.post_attention_norm);
    layer.feed_forward->collect(all);
  }
  all.push_back(&final_norm_);
  if (!config.tie_word_embeddings) all.push_back(&lm_head);
  return all;
}

void Decoder::set_type(at::ScalarType type) {
  type_ = type;
  refresh_compute();
}

FeedForward& Decoder::slot(const std::string& path) {
  for (std::size_t i = 0; i < layers_.size(); ++i)
    if (path == feed_forward_path(static_cast<std::int64_t>(i))) return *layers_[i].feed_forward;
  throw usage_error("this decoder of {} layers has no slot '{}'", layers_.size(), path);
}

ForwardOutput Decoder::forward(const Batch& batch, ModelState* state, const StepContext& context, const FeatureRequest& request) {
  ForwardOutput output;
  const auto capture = [&](const std::string& path, const at::Tensor& x) {
    if (std::find(request.paths.begin(), request.paths.end(), path) != request.paths.end())
      output.features[path] = request.keep ? request.keep(x) : x;
  };
  RowTable rows = batch.rows;
  if (state != nullptr) {
    state->layers.resize(layers_.size());
    rows = rows.moved(state->length);
  }
  // The residual stream and what was last added to it travel apart, so that the addition happens inside the next norm.
  at::Tensor residual = sluice::embedding(batch.ids, embedding, type_);
  const bool captures = !request.paths.empty();  // without, no path is made
  if (captures) capture("embedding", residual);
  at::Tensor delta;
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    Layer& layer = layers_[i];
    at::Tensor normed;
    if (delta.defined()) std::tie(residual, normed) = add_rms_norm(delta, residual, layer.input_norm, config.rms_norm_eps);
    else normed = rms_norm(residual, layer.input_norm, config.rms_norm_eps);
    if (captures && i > 0) capture(layer_path(static_cast<std::int64_t>(i) - 1), residual);
    delta = layer.attention->forward(normed, rows, state != nullptr ? &state->layers[i] : nullptr);
    std::tie(residual, normed) = add_rms_norm(delta, residual, layer.post_attention_norm, config.rms_norm_eps);
    if (captures) capture(feed_forward_path(static_cast<std::int64_t>(i)) + ".input", normed);
    SlotOutput slot = layer.feed_forward->forward(normed, rows, context);
    if (slot.statistics) output.statistics.push_back(std::move(*slot.statistics));
    delta = slot.y;
  }
  std::tie(residual, output.hidden) = add_rms_norm(delta, residual, final_norm_, config.rms_norm_eps);
  if (captures) capture(layer_path(static_cast<std::int64_t>(layers_.size()) - 1), residual);
  if (state != nullptr) state->length = rows.last_position() + 1;
  return output;
}

}  // namespace sluice
