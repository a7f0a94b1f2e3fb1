// What the processors of a job's ranks can do, and the choices by it that must be the same on all of them: replicas stay equal, and a
// run goes on as it began.
// Gives: RankAbilities, use_common_abilities(), Bfloat16Choice, choose_bfloat16().
#pragma once

#include "parallel/comm/world.hpp"

#include <string>
#include <vector>

namespace sluice::recipes {

/// Of one rank.
struct RankAbilities {
  std::string host;
  bool native_bfloat16 = false;  // how it would multiply bfloat16 (core/tensor/dtype_map.hpp), and why
  std::string why_bfloat16;
  bool avx512 = false;  // by which runs chose before their checkpoints told

  bool operator==(const RankAbilities&) const = default;
};

/// Collective, before anything is computed: what each rank can do. From now on all compute alike, as all of them can.
std::vector<RankAbilities> use_common_abilities(parallel::World& world);

struct Bfloat16Choice {
  bool native = false;
  std::string text;  // "native: with AMX", for the header
};
/// How all ranks multiply bfloat16: natively if each of them would. A run keeps `stored`, what its checkpoint tells: "native" or
/// "float32". One without ("", an earlier version's) chose natively where all ranks have AVX-512. `resumed`: there is a checkpoint.
Bfloat16Choice choose_bfloat16(const std::vector<RankAbilities>& ranks, bool resumed = false, const std::string& stored = "");

/// As a checkpoint stores the choice.
std::string stored_bfloat16(bool native);

}  // namespace sluice::recipes
