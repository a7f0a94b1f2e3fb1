// The tensors of a sparse feed-forward and their shapes, as plain values. Legend: D model width, F width of one expert, R router rows
// (experts, or families of them), C rows of the families' children.
#pragma once

#include "core/shape/model_tensors.hpp"
#include "moe/plan/moe_config.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace sluice::moe {

/// The router's rows [R, D]; then, with families, the children's rows [C, D]. `layer`: its path, "layers.3".
std::vector<ModelTensor> router_tensors(const MoeConfig& config, std::int64_t hidden_size, const std::string& layer);

/// The selection bias [R], a statistic that the optimizer knows nothing of.
ModelTensor selection_bias_tensor(const MoeConfig& config, const std::string& layer);

/// Gate and up [F, D], down [D, F] of an expert, `expert` being its number in the whole model.
std::vector<ModelTensor> expert_tensors(const MoeConfig& config, std::int64_t hidden_size, const std::string& layer, std::int64_t expert);

/// The same of all shared experts side by side, one SwiGLU; none without shared experts.
std::vector<ModelTensor> shared_expert_tensors(const MoeConfig& config, std::int64_t hidden_size, const std::string& layer);

/// All of them in canonical order: router, selection bias if there is one, experts, shared experts.
std::vector<ModelTensor> moe_tensors(const MoeConfig& config, std::int64_t hidden_size, const std::string& layer, bool has_selection_bias);

}  // namespace sluice::moe
