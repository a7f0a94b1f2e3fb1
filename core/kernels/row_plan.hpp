// Plans how rows are sorted by expert, from the experts that each token chose. The permutation of rows, the exchange between ranks and
// the grouped products use these integers. Legend: N tokens, K experts per token, E experts, B sequences. An entry (n, k) of experts
// [N, K] is the k-th expert of token n; its flat index is n*K + k.
#pragma once

#include <cstdint>

namespace sluice::kernels {

/// Sorts the entries of experts [N, K] by expert with a stable counting sort: entries of the same expert keep the order of their flat
/// indices. An entry -1 is dropped and gets no sorted position. Returns the number of entries that have one, S. Writes
///   counts [E]    the number of entries of each expert; their sum is S
///   order [N*K]   the flat index at each sorted position; only the first S are written
///   slot [N*K]    the sorted position of each flat index, -1 for a dropped entry
/// Data error (exit 3) for an expert outside [-1, E).
std::int64_t expert_slots(const std::int64_t* experts, std::int64_t N, std::int64_t K, std::int64_t E, std::int64_t* counts,
                          std::int64_t* order, std::int64_t* slot);

/// Limits how many entries each expert gets from each sequence: writes kept [N, K], which is experts [N, K] with -1 for the entries to
/// drop. In sequence b every expert keeps its first capacity[b] entries in the order of flat indices. sequence [N] is the sequence of each
/// token, in ascending order; capacity is [B]. All experts must be in [0, E), which is not checked.
void within_capacity(const std::int64_t* experts, const std::int64_t* sequence, const std::int64_t* capacity, std::int64_t N,
                     std::int64_t K, std::int64_t E, std::int64_t* kept);

namespace reference {

std::int64_t expert_slots(const std::int64_t* experts, std::int64_t N, std::int64_t K, std::int64_t E, std::int64_t* counts,
                          std::int64_t* order, std::int64_t* slot);
void within_capacity(const std::int64_t* experts, const std::int64_t* sequence, const std::int64_t* capacity, std::int64_t N,
                     std::int64_t K, std::int64_t E, std::int64_t* kept);

}  // namespace reference
}  // namespace sluice::kernels
