// What the processors of a job's ranks can do, and choices that depend on it and must be the same on all ranks, so that replicas stay equal
// and a run that is resumed computes as it began.
// Gives: RankAbilities, use_common_abilities(), choose_device(), device_for_command(), least_set(), describe_processors(),
// mixed_libraries(), Bfloat16Choice, choose_bfloat16(), device_bfloat16(), computed_with(), describe_changes().
#pragma once

#include "core/kernels/simd/instruction_set.hpp"
#include "parallel/comm/world.hpp"
#include "recipes/stages/device_choice.hpp"
#include "recipes/stages/run_state.hpp"

#include <string>
#include <vector>

namespace sluice::recipes {

/// The abilities of one rank.
struct RankAbilities {
  std::string host;
  kernels::InstructionSet set = kernels::InstructionSet::kBaseline;  // the best for our kernels
  std::string library;  // LibTorch's instruction set and the processor, on which its libraries' choices depend: "AVX512 on AMD EPYC"
  bool native_bfloat16 = false;  // whether it would multiply bfloat16 natively (core/tensor/dtype_map.hpp)
  std::string why_bfloat16;      // why, or why not
  bool avx512 = false;           // earlier versions chose native bfloat16 by this, and their checkpoints do not store the choice
  bool composed = false;         // runs operations on their composed forms (core/ops/backend.hpp)
  RankDevice device;             // the NVIDIA device that it would take, unless only the CPU is asked for

  bool operator==(const RankAbilities&) const = default;
};

/// Collective; call it before anything is computed. Returns what each rank can do. From now on our kernels and bfloat16 products use on
/// every rank only what all ranks can, and operations run on their composed forms on all ranks if they do on one. LibTorch's own kernels
/// cannot be changed any more. Devices are looked for unless `wanted` is the CPU; which one is used, choose_device() says.
std::vector<RankAbilities> use_common_abilities(parallel::World& world, Device wanted);

/// choose_device() for the ranks of a job.
DeviceChoice choose_device(const std::vector<RankAbilities>& ranks, Device wanted, bool mixed_devices, Device before = Device::kAuto);
/// Collective. use_common_abilities(), use_device() and use_settings() for a command that has no recipe: deterministic, as recipes are
/// unless they say otherwise.
at::Device device_for_command(parallel::World& world, Device wanted);

/// The instruction set that our kernels use on all ranks: the least of the ranks' best ones.
kernels::InstructionSet least_set(const std::vector<RankAbilities>& ranks);

/// A line for the header: "kernels avx512, LibTorch AVX512 on AMD EPYC"; if ranks differ, it lists which ranks have what.
std::string describe_processors(const std::vector<RankAbilities>& ranks);

/// One line to warn with if LibTorch computes otherwise on some ranks than on others; "" if not.
std::string mixed_libraries(const std::vector<RankAbilities>& ranks);

struct Bfloat16Choice {
  bool native = false;
  std::string text;  // "native: with AMX", for the header
};
/// How all ranks multiply bfloat16. A new run multiplies natively if each of its ranks would. A run that is `resumed` from a checkpoint
/// keeps the choice `stored` in it: "native" or "float32". If it stores none (""), an earlier version wrote it, which chose native products
/// if all ranks have AVX-512.
Bfloat16Choice choose_bfloat16(const std::vector<RankAbilities>& ranks, bool resumed = false, const std::string& stored = "");
/// The same for ranks that compute on NVIDIA devices: native if every device has tensor cores for it, from compute capability 8.0.
Bfloat16Choice device_bfloat16(const std::vector<RankAbilities>& ranks);

/// What a checkpoint stores about what computes. `bfloat16` is the choice of a bfloat16 run; null for other runs. `device` is
/// DeviceChoice::stored.
ComputedWith computed_with(const std::vector<RankAbilities>& ranks, const Bfloat16Choice* bfloat16, const std::string& device);

/// One line for a resumed run that says which processors, devices, libraries or operations differ from before, so that bits may differ; ""
/// if none do.
std::string describe_changes(const ComputedWith& before, const ComputedWith& now);

}  // namespace sluice::recipes
