#include "core/models/decoder.hpp"

#include "core/nn/embedding.hpp"
#include "core/nn/rms_norm.hpp"
#include "core/nn/swiglu.hpp"
#include "core/tensor/dtype_map.hpp"

#include <fmt/core.h>

#include <algorithm>

namespace sluice {

std::int64_t ModelState::bytes() const {
  std::int64_t total = 0;
  for (const AttentionCache& layer : layers) {
    if (layer.key.defined()) total += static_cast<std::int64_t>(layer.key.nbytes() + layer.value.nbytes());
  }
  return total;
}

Decoder::Decoder(const DecoderConfig& shape, const at::TensorOptions& options, const SlotFactory& slots)
    : config(shape), type_(type_of(options)) {
  const auto norm = [&](const std::string& name) {
    Parameter p = Parameter::make(name, {config.hidden_size}, options);
    p.decay = false;
    return p;
  };
  embedding = Parameter::make("model.embed_tokens.weight", {config.vocab_size, config.hidden_size}, options);
  const auto rope = std::make_shared<RopeTable>(config.rope_theta, config.head_dim, accumulate_options(options));
  for (std::int64_t i = 0; i < config.num_layers; ++i) {
    const std::string prefix = fmt::format("model.layers.{}", i);
    Layer layer;
    layer.input_norm = norm(prefix + ".input_layernorm.weight");
    layer.attention = std::make_unique<Attention>(prefix + ".self_attn", config, rope, options);
    layer.post_attention_norm = norm(prefix + ".post_attention_layernorm.weight");
    if (slots) layer.feed_forward = slots(i, prefix + ".mlp");
    if (!layer.feed_forward)
      layer.feed_forward = std::make_unique<DenseFeedForward>(prefix + ".mlp", config.hidden_size, config.intermediate_size, options);
    layers_.push_back(std::move(layer));
  }
  final_norm_ = norm("model.norm.weight");
  if (!config.tie_word_embeddings) lm_head = Parameter::make("lm_head.weight", {config.vocab_size, config.hidden_size}, options);
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

void Decoder::refresh_compute() {
  for (Parameter* p : parameters()) p->refresh_compute(type_);
}

ForwardOutput Decoder::forward(const at::Tensor& ids, const RowTable& rows, const StepContext& context, const ForwardRequest& request) {
  ForwardOutput output;
  const auto capture = [&](const std::string& path, const at::Tensor& x) {
    if (std::find(request.features.begin(), request.features.end(), path) != request.features.end())
      output.features[path] = request.keep ? request.keep(x) : x;
  };
  RowTable table = rows;
  if (request.state != nullptr) {
    request.state->layers.resize(layers_.size());
    table.first_position = request.state->length;
  }
  // The residual stream and what was last added to it travel apart, so that the addition happens inside the next norm.
  at::Tensor residual = sluice::embedding(ids, embedding, type_);
  capture("embedding", residual);
  at::Tensor delta;
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    Layer& layer = layers_[i];
    at::Tensor normed;
    if (delta.defined()) std::tie(residual, normed) = add_rms_norm(delta, residual, layer.input_norm, config.rms_norm_eps);
    else normed = rms_norm(residual, layer.input_norm, config.rms_norm_eps);
    if (i > 0) capture(fmt::format("layers.{}", i - 1), residual);
    delta = layer.attention->forward(normed, table, request.state != nullptr ? &request.state->layers[i] : nullptr);
    std::tie(residual, normed) = add_rms_norm(delta, residual, layer.post_attention_norm, config.rms_norm_eps);
    capture(fmt::format("layers.{}.feed_forward.input", i), normed);
    SlotOutput slot = layer.feed_forward->forward(normed, table, context);
    if (slot.statistics) output.statistics.push_back(std::move(*slot.statistics));
    delta = slot.y;
  }
  std::tie(residual, output.hidden) = add_rms_norm(delta, residual, final_norm_, config.rms_norm_eps);
  capture(fmt::format("layers.{}", layers_.size() - 1), residual);
  if (request.state != nullptr) request.state->length += rows.length;
  return output;
}

}  // namespace sluice
