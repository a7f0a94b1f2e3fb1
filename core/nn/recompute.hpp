// Computes a part of a model twice, to keep less for the backward pass (Chen et al., 2016: Training Deep Nets with Sublinear Memory Cost).
#pragma once

#include "core/shape/recompute.hpp"
#include "core/tensor/tensor.hpp"

#include <functional>
#include <vector>

namespace sluice {

/// Computes outputs from inputs. It must give the same bits in both passes. What it decides by integers in the first pass (a routing plan)
/// it should keep for the second.
using RecomputedPart = std::function<std::vector<at::Tensor>(const std::vector<at::Tensor>& inputs, RecomputePass pass)>;

/// Returns what `part` computes. If gradients are recorded, the first pass is not: only `inputs` are kept, and backward computes the part
/// again (RecomputePass::kSecond) and goes back through that. Gradients have the bits that they have without recomputing. Uses of
/// parameters are counted in the first pass alone, and done in the second (core/nn/gradient.hpp). Without gradients it is part(inputs,
/// RecomputePass::kFirst).
std::vector<at::Tensor> recompute(const std::vector<at::Tensor>& inputs, RecomputedPart part);

}  // namespace sluice
