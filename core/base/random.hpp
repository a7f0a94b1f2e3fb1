// Counter-based random numbers (Philox4x32-10; Salmon et al., SC'11): a value is a pure function of
// (key, counter), so results never depend on rank, order or thread. Keys are made from what a value
// means (seed, purpose, global index), never from where it is computed.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace sluice {

/// 128 random bits for one 64-bit key and one 128-bit counter. The bits are the same on every machine.
std::array<std::uint32_t, 4> philox(std::uint64_t key, std::uint64_t counter_low, std::uint64_t counter_high);

/// A key derived from a seed and the name of the purpose, e.g. random_key(17, "model.layers.0.mlp.gate.weight").
std::uint64_t random_key(std::uint64_t seed, std::string_view purpose);

/// Element `index` of the stream `key`, uniform in [0, 1) with 53 random bits.
double random_uniform(std::uint64_t key, std::uint64_t index);

/// Element `index` of the stream `key`, standard normal (Box-Muller).
double random_normal(std::uint64_t key, std::uint64_t index);

/// Element `index` of a pseudo-random permutation of [0, size): a Feistel network with cycle walking,
/// so that no table is stored. Requires index < size. O(1) expected.
std::uint64_t random_permutation(std::uint64_t key, std::uint64_t size, std::uint64_t index);

}  // namespace sluice
