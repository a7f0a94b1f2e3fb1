// From each row's experts to places sorted by expert: the integers that permutation, exchange and grouped products run on.
#pragma once

#include "core/tensor/tensor.hpp"

namespace sluice::ops {

/// Sorts the N*K entries of experts (int32 [N, K], -1: dropped, without a place) by expert, stably: entries of one expert keep their flat
/// (n, k) order. Into, all int64:
///   counts [E]   entries of each expert
///   order [N*K]  sorted place -> flat n*K + k; of the places from the sum of counts on, whatever
///   slots [N*K]  flat n*K + k -> sorted place, or -1
/// An expert outside [-1, E) is a data error (exit 3) of the kernel, and whatever ATen's scatter does composed.
void expert_slots_out(const at::Tensor& experts, const at::Tensor& counts, const at::Tensor& order, const at::Tensor& slots);

}  // namespace sluice::ops
