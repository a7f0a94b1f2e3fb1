// What the processors of a job's ranks can do, and the choices by it that must be the same on all of them: replicas stay equal, and a
// run goes on as it began.
// Gives: RankAbilities, use_common_abilities(), least_set(), describe_processors(), mixed_libraries(), Bfloat16Choice, choose_bfloat16(),
// computed_with(), describe_changes().
#pragma once

#include "core/kernels/simd/instruction_set.hpp"
#include "parallel/comm/world.hpp"
#include "recipes/stages/run_state.hpp"

#include <string>
#include <vector>

namespace sluice::recipes {

/// Of one rank.
struct RankAbilities {
  std::string host;
  kernels::InstructionSet set = kernels::InstructionSet::kBaseline;  // the best for our kernels
  std::string library;  // LibTorch's own, with the processor, on which its libraries' choices depend: "AVX512 on AMD EPYC"
  bool native_bfloat16 = false;  // how it would multiply bfloat16 (core/tensor/dtype_map.hpp), and why
  std::string why_bfloat16;
  bool avx512 = false;    // by which runs chose before their checkpoints told
  bool composed = false;  // runs operations on their composed forms (core/ops/backend.hpp)

  bool operator==(const RankAbilities&) const = default;
};

/// Collective, before anything is computed: what each rank can do. From now on our kernels and bfloat16 products use on every rank what
/// all of them can, and operations run composed on all if one rank runs them so. LibTorch's own kernels cannot be told so late.
std::vector<RankAbilities> use_common_abilities(parallel::World& world);

/// What our kernels use on all ranks.
kernels::InstructionSet least_set(const std::vector<RankAbilities>& ranks);

/// For the header: "kernels avx512, LibTorch AVX512 on AMD EPYC"; where ranks differ, who has what.
std::string describe_processors(const std::vector<RankAbilities>& ranks);

/// One line to warn with if LibTorch computes otherwise on some ranks than on others; "" if not.
std::string mixed_libraries(const std::vector<RankAbilities>& ranks);

struct Bfloat16Choice {
  bool native = false;
  std::string text;  // "native: with AMX", for the header
};
/// How all ranks multiply bfloat16: natively if each of them would. A run keeps `stored`, what its checkpoint tells: "native" or
/// "float32". One without ("", an earlier version's) chose natively where all ranks have AVX-512. `resumed`: there is a checkpoint.
Bfloat16Choice choose_bfloat16(const std::vector<RankAbilities>& ranks, bool resumed = false, const std::string& stored = "");

/// As a checkpoint stores it. `bfloat16`: how products of a run of that type are computed; null for others.
ComputedWith computed_with(const std::vector<RankAbilities>& ranks, const Bfloat16Choice* bfloat16);

/// One line for a run that goes on: what computes it otherwise than before, so that its bits may be others; "" if nothing does.
std::string describe_changes(const ComputedWith& before, const ComputedWith& now);

}  // namespace sluice::recipes
