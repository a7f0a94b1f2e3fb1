#include "moe/plan/moe_tensors.hpp"

#include <iterator>

namespace sluice::moe {

std::vector<ModelTensor> router_tensors(const MoeConfig& config, std::int64_t hidden_size, const std::string& layer) {
  std::vector<ModelTensor> tensors = {{{layer, TensorPart::kRouter}, {config.num_families(), hidden_size}}};
  if (config.family_size > 1)
    tensors.push_back({{layer, TensorPart::kRouter, TensorKind::kFamilyRows}, {config.num_child_rows(), hidden_size}});
  return tensors;
}

ModelTensor selection_bias_tensor(const MoeConfig& config, const std::string& layer) {
  return {{layer, TensorPart::kRouter, TensorKind::kSelectionBias}, {config.num_families()}};
}

std::vector<ModelTensor> expert_tensors(const MoeConfig& config, std::int64_t hidden_size, const std::string& layer, std::int64_t expert) {
  return swiglu_tensors({layer, TensorPart::kExpert, TensorKind::kGate, expert}, hidden_size, config.expert_hidden_size);
}

std::vector<ModelTensor> shared_expert_tensors(const MoeConfig& config, std::int64_t hidden_size, const std::string& layer) {
  if (config.num_shared_experts == 0) return {};
  return swiglu_tensors({layer, TensorPart::kSharedExperts}, hidden_size, config.num_shared_experts * config.expert_hidden_size);
}

std::vector<ModelTensor> moe_tensors(const MoeConfig& config, std::int64_t hidden_size, const std::string& layer, bool has_selection_bias) {
  std::vector<ModelTensor> tensors = router_tensors(config, hidden_size, layer);
  if (has_selection_bias) tensors.push_back(selection_bias_tensor(config, layer));
  const auto append = [&](std::vector<ModelTensor> more) {
    tensors.insert(tensors.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
  };
  for (std::int64_t expert = 0; expert < config.num_experts; ++expert) append(expert_tensors(config, hidden_size, layer, expert));
  append(shared_expert_tensors(config, hidden_size, layer));
  return tensors;
}

}  // namespace sluice::moe
