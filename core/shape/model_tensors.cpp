#include "core/shape/model_tensors.hpp"

#include <iterator>

namespace sluice {
namespace {

void append(std::vector<ModelTensor>& all, std::vector<ModelTensor> more) {
  all.insert(all.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
}

}  // namespace

std::int64_t ModelTensor::count() const {
  std::int64_t count = 1;
  for (const std::int64_t size : shape) count *= size;
  return count;
}

std::vector<ModelTensor> attention_tensors(const DecoderConfig& config, const std::string& layer) {
  const std::int64_t queries = config.num_attention_heads * config.head_dim, keys = config.num_key_value_heads * config.head_dim;
  const auto of = [&](TensorKind kind, std::vector<std::int64_t> shape) {
    return ModelTensor{{layer, TensorPart::kAttention, kind}, std::move(shape)};
  };
  std::vector<ModelTensor> tensors = {of(TensorKind::kQuery, {queries, config.hidden_size}),
                                      of(TensorKind::kKey, {keys, config.hidden_size}), of(TensorKind::kValue, {keys, config.hidden_size}),
                                      of(TensorKind::kOutput, {config.hidden_size, queries})};
  if (config.qk_norm == QkNorm::kNone) return tensors;
  const bool per_head = config.qk_norm == QkNorm::kHead;
  tensors.push_back(of(TensorKind::kQueryNorm, {per_head ? config.head_dim : queries}));
  tensors.push_back(of(TensorKind::kKeyNorm, {per_head ? config.head_dim : keys}));
  return tensors;
}

std::vector<ModelTensor> swiglu_tensors(const TensorId& part, std::int64_t hidden_size, std::int64_t width) {
  return {{part.with(TensorKind::kGate), {width, hidden_size}},
          {part.with(TensorKind::kUp), {width, hidden_size}},
          {part.with(TensorKind::kDown), {hidden_size, width}}};
}

ModelTensor embedding_tensor(const DecoderConfig& config) {
  return {{"", TensorPart::kEmbedding}, {config.vocab_size, config.hidden_size}};
}
ModelTensor final_norm_tensor(const DecoderConfig& config) { return {{"", TensorPart::kFinalNorm}, {config.hidden_size}}; }
ModelTensor head_tensor(const DecoderConfig& config) { return {{"", TensorPart::kHead}, {config.vocab_size, config.hidden_size}}; }
ModelTensor input_norm_tensor(const DecoderConfig& config, const std::string& layer) {
  return {{layer, TensorPart::kInputNorm}, {config.hidden_size}};
}
ModelTensor post_attention_norm_tensor(const DecoderConfig& config, const std::string& layer) {
  return {{layer, TensorPart::kPostAttentionNorm}, {config.hidden_size}};
}

std::vector<ModelTensor> decoder_tensors(const DecoderConfig& config,
                                         const std::function<std::vector<ModelTensor>(std::int64_t layer)>& feed_forward) {
  std::vector<ModelTensor> tensors = {embedding_tensor(config)};
  for (std::int64_t number = 0; number < config.num_layers; ++number) {
    const std::string layer = layer_path(number);
    tensors.push_back(input_norm_tensor(config, layer));
    append(tensors, attention_tensors(config, layer));
    tensors.push_back(post_attention_norm_tensor(config, layer));
    std::vector<ModelTensor> sparse = feed_forward(number);
    append(tensors, sparse.empty() ? swiglu_tensors({layer, TensorPart::kFeedForward}, config.hidden_size, config.intermediate_size)
                                   : std::move(sparse));
  }
  tensors.push_back(final_norm_tensor(config));
  if (!config.tie_word_embeddings) tensors.push_back(head_tensor(config));
  return tensors;
}

}  // namespace sluice
