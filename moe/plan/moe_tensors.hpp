// The tensors of a sparse feed-forward and their shapes as plain values. Legend: D model width, F width of one expert, R router rows
// (experts, or families of them), C rows of the families' children.
#pragma once

#include "core/shape/model_tensors.hpp"
#include "moe/plan/moe_config.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace sluice::moe {

/// Returns the router's rows [R, D] and, if there are families, the children's rows [C, D]. `layer` is the layer's path, "layers.3".
std::vector<ModelTensor> router_tensors(const MoeConfig& config, std::int64_t hidden_size, const std::string& layer);

/// Returns the selection bias [R], a statistic that the optimizer does not update.
ModelTensor selection_bias_tensor(const MoeConfig& config, const std::string& layer);

/// Returns gate and up [F, D] and down [D, F] of the expert with the number `expert` in the whole model.
std::vector<ModelTensor> expert_tensors(const MoeConfig& config, std::int64_t hidden_size, const std::string& layer, std::int64_t expert);

/// Returns the same for all shared experts side by side, as one SwiGLU of num_shared_experts * F hidden units; none without shared experts.
std::vector<ModelTensor> shared_expert_tensors(const MoeConfig& config, std::int64_t hidden_size, const std::string& layer);

/// Returns all tensors of a sparse feed-forward in canonical order: router, selection bias if there is one, experts, shared experts.
std::vector<ModelTensor> moe_tensors(const MoeConfig& config, std::int64_t hidden_size, const std::string& layer, bool has_selection_bias);

}  // namespace sluice::moe
