// Which part of a layer is computed a second time in backward instead of being kept in memory from forward.
#pragma once

#include "core/base/enum_names.hpp"

namespace sluice {

enum class Recompute {
  kNone,
  kLayer,      // whole layers: only what enters them is kept; rows travel to the experts twice
  kAttention,  // attention, from its normalised input to its output
  kExperts,    // the routed experts, from the rows that arrived to their results
};
inline constexpr EnumName<Recompute> kRecomputeNames[] = {
    {Recompute::kNone, "none"}, {Recompute::kLayer, "layer"}, {Recompute::kAttention, "attention"}, {Recompute::kExperts, "experts"}};
constexpr std::span<const EnumName<Recompute>> names_of(Recompute) { return kRecomputeNames; }

/// Which of its two passes such a part is computed in.
enum class RecomputePass { kFirst, kSecond };

}  // namespace sluice
