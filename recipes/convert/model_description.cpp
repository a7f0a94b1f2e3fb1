#include "recipes/convert/model_description.hpp"

#include "core/base/error.hpp"
#include "core/shape/model_tensors.hpp"
#include "moe/plan/moe_tensors.hpp"

#include <algorithm>

namespace sluice::recipes {
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

std::vector<ModelTensor> tensors_of(const ModelDescription& model) {
  return decoder_tensors(model.decoder, [&](std::int64_t layer) {
    return model.is_sparse(layer) ? moe::moe_tensors(*model.moe, model.decoder.hidden_size, layer_path(layer), model.router_bias())
                                  : std::vector<ModelTensor>();
  });
}

}  // namespace

std::vector<CanonicalTensor> canonical_tensors(const ModelDescription& model) {
  std::vector<CanonicalTensor> tensors;
  for (ModelTensor& tensor : tensors_of(model)) {
    const DType dtype = tensor.id.is_statistic() ? DType::kFloat32 : model.dtype;
    std::string name = name_of(tensor.id);
    tensors.push_back({std::move(tensor.id), std::move(name), std::move(tensor.shape), dtype});
  }
  return tensors;
}

ParameterCount count_parameters(const ModelDescription& model) {
  ParameterCount count;
  std::int64_t experts = 0;
  for (const ModelTensor& tensor : tensors_of(model)) {
    if (tensor.id.is_statistic()) continue;
    count.total += tensor.count();
    if (tensor.id.part == TensorPart::kExpert) experts += tensor.count();
  }
  count.active = count.total - experts;
  if (model.moe) count.active += experts / model.moe->num_experts * model.moe->top_k;
  return count;
}

}  // namespace sluice::recipes
