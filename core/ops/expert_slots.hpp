// From each row's experts to places sorted by expert: the integers that permutation, exchange and grouped products run on; and what an
// expert takes of a sequence at most. All int64. Legend: N rows, K choices a row, E experts, B sequences.
#pragma once

#include "core/tensor/tensor.hpp"

#include <cstdint>

namespace sluice::ops {

struct ExpertSlots {
  at::Tensor counts;  // [E] entries of each expert
  at::Tensor order;   // [R] sorted place -> flat n*K + k
  at::Tensor slots;   // [N, K] -> sorted place, or -1
};

/// Sorts the N*K entries of experts (int64 [N, K], -1: dropped, without a place) by expert, stably: entries of one expert keep their flat
/// (n, k) order. R is the number of places on the CPU's kernels, where it is known, and N*K elsewhere: the dropped then stand last.
/// An expert outside [-1, E) is a data error (exit 3) of the kernel, and whatever ATen's scatter does composed.
ExpertSlots expert_slots(const at::Tensor& experts, std::int64_t num_experts);

/// experts [N, K], -1 where an expert of that sequence has more than capacity[b] entries: those that come first in (n, k) keep their place.
/// sequence [N]: which of the B sequences each row is of, ascending; capacity [B].
at::Tensor within_capacity(const at::Tensor& experts, const at::Tensor& sequence, const at::Tensor& capacity, std::int64_t num_experts);

}  // namespace sluice::ops
