// Plans how rows are sorted by expert, from the experts that each row chose, and limits how many rows an expert takes from a sequence. The
// permutation of rows, the exchange between ranks and the grouped products use these integers. All tensors are int64. Legend: N rows,
// K experts per row, E experts, B sequences. An entry (n, k) of experts [N, K] is the k-th expert of row n; its flat index is n*K + k.
#pragma once

#include "core/tensor/tensor.hpp"

#include <cstdint>

namespace sluice::ops {

struct ExpertSlots {
  at::Tensor counts;  // [E] number of entries of each expert
  at::Tensor order;   // [R] flat index at each sorted position
  at::Tensor slots;   // [N, K] sorted position of each entry, -1 for a dropped one
};

/// Sorts the entries of experts [N, K] by expert, stably: entries of one expert keep the order of their flat indices. An entry -1 is
/// dropped and gets no sorted position. With the CPU kernel, R is the number of entries that are not dropped. Otherwise that number is not
/// known without waiting for the device: R is N*K, and the dropped entries stand last in `order`.
/// An expert outside [-1, E) is a data error (exit 3) in the kernel; in the composed form ATen's scatter decides what happens.
ExpertSlots expert_slots(const at::Tensor& experts, std::int64_t num_experts);

/// Returns experts [N, K] with -1 for the entries to drop: in sequence b every expert keeps its first capacity[b] entries in the order of
/// flat indices. sequence [N] is the sequence of each row, in ascending order; capacity is [B]. All experts must be in [0, E), which is
/// not checked.
at::Tensor within_capacity(const at::Tensor& experts, const at::Tensor& sequence, const at::Tensor& capacity, std::int64_t num_experts);

}  // namespace sluice::ops
