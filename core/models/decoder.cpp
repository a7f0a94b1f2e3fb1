#include "core/models/decoder.hpp"

#include "core/base/error.hpp"
#include "core/nn/embedding.hpp"
#include "core/nn/recompute.hpp"
#include "core/nn/rms_norm.hpp"
#include "core/nn/swiglu.hpp"
#include "core/tensor/dtype_map.hpp"

#include <algorithm>
#include <utility>

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

std::optional<SlotStatistics> Decoder::run(Layer& layer, Stream& stream, const RowTable& rows, AttentionCache* cache,
                                           const StepContext& context, const Observer& observe) {
  at::Tensor normed, entering;
  if (stream.delta.defined())
    std::tie(entering, normed) = add_rms_norm(stream.delta, stream.residual, layer.input_norm, config.rms_norm_eps);
  else entering = stream.residual, normed = rms_norm(entering, layer.input_norm, config.rms_norm_eps);
  if (context.recompute == Recompute::kAttention && cache == nullptr) {
    stream.delta = recompute({normed}, [&layer, rows](const std::vector<at::Tensor>& inputs, RecomputePass) {
                     return std::vector<at::Tensor>{layer.attention->forward(inputs[0], rows, nullptr)};
                   }).front();
  } else {
    stream.delta = layer.attention->forward(normed, rows, cache);
  }
  std::tie(stream.residual, normed) = add_rms_norm(stream.delta, entering, layer.post_attention_norm, config.rms_norm_eps);
  if (observe) observe(entering, normed);
  SlotOutput slot = layer.feed_forward->forward(normed, rows, context);
  stream.delta = std::move(slot.y);
  return std::move(slot.statistics);
}

std::optional<SlotStatistics> Decoder::run_twice(Layer& layer, Stream& stream, const RowTable& rows, const StepContext& context) {
  std::vector<at::Tensor> inputs = {stream.residual};
  if (stream.delta.defined()) inputs.push_back(stream.delta);
  const auto memory = std::make_shared<std::shared_ptr<SlotMemory>>();
  std::optional<SlotStatistics> statistics;
  std::optional<SlotStatistics>* const of_first_pass = &statistics;  // which is over before this function returns
  const std::vector<at::Tensor> outputs =
      recompute(inputs, [this, &layer, rows, context, memory, of_first_pass](const std::vector<at::Tensor>& in, RecomputePass pass) {
        StepContext own = context;
        own.memory = memory.get();
        if (pass == RecomputePass::kSecond) own.phase = "recompute";
        Stream through{in[0], in.size() > 1 ? in[1] : at::Tensor()};
        std::optional<SlotStatistics> told = run(layer, through, rows, nullptr, own, {});
        std::vector<at::Tensor> out = {through.residual, through.delta};
        if (told) out.insert(out.end(), {told->probability_sum, told->child_probability_sum, told->z_sum});
        if (pass == RecomputePass::kFirst) *of_first_pass = std::move(told);
        return out;
      });
  stream = {outputs[0], outputs[1]};
  // What is differentiable comes out of the node; the counts are those of the first pass.
  if (statistics) {
    statistics->probability_sum = outputs[2];
    statistics->child_probability_sum = outputs[3];
    statistics->z_sum = outputs[4];
  }
  return statistics;
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
  at::Tensor residual = sluice::embedding(batch.ids, embedding, type_);
  const bool captures = !request.paths.empty();  // without, no path is made
  if (captures) capture("embedding", residual);
  Stream stream{residual, at::Tensor()};
  const bool twice = context.recompute == Recompute::kLayer && !captures && state == nullptr;
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    std::optional<SlotStatistics> statistics;
    if (twice) {
      statistics = run_twice(layers_[i], stream, rows, context);
    } else {
      const auto path = static_cast<std::int64_t>(i);
      statistics = run(layers_[i], stream, rows, state != nullptr ? &state->layers[i] : nullptr, context,
                       [&](const at::Tensor& entering, const at::Tensor& slot_input) {
                         if (!captures) return;
                         if (i > 0) capture(layer_path(path - 1), entering);
                         capture(feed_forward_path(path) + ".input", slot_input);
                       });
    }
    if (statistics) output.statistics.push_back(std::move(*statistics));
  }
  const at::Tensor delta = std::move(stream.delta);
  residual = std::move(stream.residual);
  std::tie(residual, output.hidden) = add_rms_norm(delta, residual, final_norm_, config.rms_norm_eps);
  if (captures) capture(layer_path(static_cast<std::int64_t>(layers_.size()) - 1), residual);
  if (state != nullptr) state->length = rows.last_position() + 1;
  return output;
}

}  // namespace sluice
