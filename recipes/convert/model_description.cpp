#include "recipes/convert/model_description.hpp"

#include "core/base/error.hpp"

#include <algorithm>

namespace sluice::recipes {
namespace {

using checkpoint::Shape, checkpoint::TensorId, checkpoint::TensorKind, checkpoint::TensorPart;

class TensorList {
 public:
  explicit TensorList(DType dtype) : dtype_(dtype) {}

  void add(TensorId id, Shape shape) {
    CanonicalTensor tensor{std::move(id), "", std::move(shape), dtype_};
    if (tensor.is_statistic()) tensor.dtype = DType::kFloat32;
    tensors_.push_back(std::move(tensor));
  }
  /// Adds gate, up and down of the feed-forward `part`, whose own kind is ignored.
  void add_swiglu(const TensorId& part, std::int64_t hidden, std::int64_t width) {
    add(part.with(TensorKind::kGate), {width, hidden});
    add(part.with(TensorKind::kUp), {width, hidden});
    add(part.with(TensorKind::kDown), {hidden, width});
  }
  std::vector<CanonicalTensor> take() { return std::move(tensors_); }

 private:
  DType dtype_;
  std::vector<CanonicalTensor> tensors_;
};

void add_attention(TensorList& list, const DecoderConfig& config, const std::string& layer) {
  const std::int64_t queries = config.num_attention_heads * config.head_dim, keys = config.num_key_value_heads * config.head_dim;
  const auto add = [&](TensorKind kind, Shape shape) { list.add({layer, TensorPart::kAttention, kind}, std::move(shape)); };
  add(TensorKind::kQuery, {queries, config.hidden_size});
  add(TensorKind::kKey, {keys, config.hidden_size});
  add(TensorKind::kValue, {keys, config.hidden_size});
  add(TensorKind::kOutput, {config.hidden_size, queries});
  if (config.qk_norm == QkNorm::kNone) return;
  const bool per_head = config.qk_norm == QkNorm::kHead;
  add(TensorKind::kQueryNorm, {per_head ? config.head_dim : queries});
  add(TensorKind::kKeyNorm, {per_head ? config.head_dim : keys});
}

void add_moe(TensorList& list, const ModelDescription& model, const std::string& layer) {
  const moe::MoeConfig& moe = *model.moe;
  const std::int64_t hidden = model.decoder.hidden_size;
  list.add({layer, TensorPart::kRouter}, {moe.num_families(), hidden});
  if (moe.family_size > 1) list.add({layer, TensorPart::kRouter, TensorKind::kFamilyRows}, {moe.num_child_rows(), hidden});
  if (model.router_bias()) list.add({layer, TensorPart::kRouter, TensorKind::kSelectionBias}, {moe.num_families()});
  for (std::int64_t expert = 0; expert < moe.num_experts; ++expert)
    list.add_swiglu({layer, TensorPart::kExpert, TensorKind::kGate, expert}, hidden, moe.expert_hidden_size);
  if (moe.num_shared_experts > 0) list.add_swiglu({layer, TensorPart::kSharedExperts}, hidden, moe.num_shared_experts * moe.expert_hidden_size);
}

}  // namespace

bool ModelDescription::is_sparse(std::int64_t layer) const {
  return moe && std::binary_search(moe->layers.begin(), moe->layers.end(), layer);
}

void check_description(const ModelDescription& model, const std::string& where) {
  const DecoderConfig& config = model.decoder;
  const auto at_least_one = [&](const char* key, std::int64_t value) {
    if (value < 1) throw data_error("{}: {} is {}, expected at least 1", where, key, value);
    // Products of three sizes must stay far from 2^63.
    if (value > 1 << 24) throw data_error("{}: {} is {}, more than any model has", where, key, value);
  };
  at_least_one("vocab_size", config.vocab_size);
  at_least_one("hidden_size", config.hidden_size);
  at_least_one("num_hidden_layers", config.num_layers);
  at_least_one("num_attention_heads", config.num_attention_heads);
  at_least_one("num_key_value_heads", config.num_key_value_heads);
  at_least_one("head_dim", config.head_dim);
  at_least_one("intermediate_size", config.intermediate_size);
  if (config.num_attention_heads % config.num_key_value_heads != 0)
    throw data_error("{}: num_key_value_heads({}) does not divide num_attention_heads({})", where, config.num_key_value_heads,
                     config.num_attention_heads);
  if (config.head_dim % 2 != 0) throw data_error("{}: head_dim is {}, rotary embeddings need an even one", where, config.head_dim);
  if (!(config.rope_theta > 0)) throw data_error("{}: rope_theta is {}, expected a positive number", where, config.rope_theta);
  if (!(config.rms_norm_eps > 0)) throw data_error("{}: rms_norm_eps is {}, expected a positive number", where, config.rms_norm_eps);
  if (!model.moe) return;
  const moe::MoeConfig& moe = *model.moe;
  at_least_one("num_experts", moe.num_experts);
  at_least_one("expert_hidden_size", moe.expert_hidden_size);
  at_least_one("top_k", moe.top_k);
  at_least_one("family_size", moe.family_size);
  if ((moe.family_size & (moe.family_size - 1)) != 0)
    throw data_error("{}: family_size is {}, expected a power of two: families grow by doubling", where, moe.family_size);
  if (moe.num_experts % moe.family_size != 0)
    throw data_error("{}: family_size({}) does not divide num_experts({})", where, moe.family_size, moe.num_experts);
  if (moe.top_k > moe.num_families())
    throw data_error("{}: top_k({}) is more than there is to choose from ({})", where, moe.top_k, moe.num_families());
  if (moe.num_shared_experts < 0) throw data_error("{}: num_shared_experts is {}, expected 0 or more", where, moe.num_shared_experts);
  if (moe.layers.empty()) throw data_error("{}: a sparse model without a sparse layer", where);
  for (std::size_t i = 0; i < moe.layers.size(); ++i)
    if (moe.layers[i] < 0 || moe.layers[i] >= config.num_layers || (i > 0 && moe.layers[i] <= moe.layers[i - 1]))
      throw data_error("{}: sparse layers must be ascending and below num_hidden_layers({}), found {}", where, config.num_layers,
                       checkpoint::to_string(moe.layers));
}

namespace {

std::vector<CanonicalTensor> without_names(const ModelDescription& model) {
  const DecoderConfig& config = model.decoder;
  TensorList list(model.dtype);
  list.add({"", TensorPart::kEmbedding}, {config.vocab_size, config.hidden_size});
  for (std::int64_t number = 0; number < config.num_layers; ++number) {
    const std::string layer = checkpoint::layer_path(number);
    list.add({layer, TensorPart::kInputNorm}, {config.hidden_size});
    add_attention(list, config, layer);
    list.add({layer, TensorPart::kPostAttentionNorm}, {config.hidden_size});
    if (model.is_sparse(number)) add_moe(list, model, layer);
    else list.add_swiglu({layer, TensorPart::kFeedForward}, config.hidden_size, config.intermediate_size);
  }
  list.add({"", TensorPart::kFinalNorm}, {config.hidden_size});
  if (!config.tie_word_embeddings) list.add({"", TensorPart::kHead}, {config.vocab_size, config.hidden_size});
  return list.take();
}

}  // namespace

std::vector<CanonicalTensor> canonical_tensors(const ModelDescription& model) {
  std::vector<CanonicalTensor> tensors = without_names(model);
  for (CanonicalTensor& tensor : tensors) tensor.name = name_of(tensor.id);
  return tensors;
}

ParameterCount count_parameters(const ModelDescription& model) {
  ParameterCount count;
  std::int64_t experts = 0;
  for (const CanonicalTensor& tensor : without_names(model)) {  // names would cost time, and this is called in every step
    if (tensor.is_statistic()) continue;
    const auto elements = static_cast<std::int64_t>(*checkpoint::element_count(tensor.shape));
    count.total += elements;
    if (tensor.id.part == TensorPart::kExpert) experts += elements;
  }
  count.active = count.total - experts;
  if (model.moe) count.active += experts / model.moe->num_experts * model.moe->top_k;
  return count;
}

}  // namespace sluice::recipes
