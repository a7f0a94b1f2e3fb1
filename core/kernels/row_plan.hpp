// From each token's experts to rows sorted by expert: the integers that permutation, exchange and grouped products run on.
#pragma once

#include <cstdint>

namespace sluice::kernels {

/// Stable counting sort of the N*K entries of experts [N, K] by expert; entries of equal expert keep their flat (n, k)
/// order, whatever the ranks or threads. An entry -1 (dropped) has no place. Returns how many have one (the sum of counts).
/// counts [E]: rows of each expert. order [N*K]: sorted position -> flat n*K + k; only the first `returned` are written.
/// slot [N*K]: flat n*K + k -> sorted position, or -1. Data error (exit 3) for an expert outside [-1, E).
std::int64_t expert_slots(const std::int64_t* experts, std::int64_t N, std::int64_t K, std::int64_t E, std::int64_t* counts,
                          std::int64_t* order, std::int64_t* slot);

/// kept [N, K] = experts [N, K], -1 where an expert has more than capacity[b] entries in sequence b: those that come first in flat (n, k)
/// order keep their place. sequence [N]: which of the sequences each token is of; ascending. experts in [0, E).
void within_capacity(const std::int64_t* experts, const std::int64_t* sequence, const std::int64_t* capacity, std::int64_t N, std::int64_t K,
                     std::int64_t E, std::int64_t* kept);

namespace reference {

std::int64_t expert_slots(const std::int64_t* experts, std::int64_t N, std::int64_t K, std::int64_t E, std::int64_t* counts,
                          std::int64_t* order, std::int64_t* slot);
void within_capacity(const std::int64_t* experts, const std::int64_t* sequence, const std::int64_t* capacity, std::int64_t N, std::int64_t K,
                     std::int64_t E, std::int64_t* kept);

}  // namespace reference
}  // namespace sluice::kernels
