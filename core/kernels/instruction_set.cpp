#include "core/kernels/simd/instruction_set.hpp"

#include <algorithm>
#include <atomic>

namespace sluice::kernels {
namespace {

std::atomic<InstructionSet>& current() {
  static std::atomic<InstructionSet> value{best_instruction_set()};
  return value;
}

}  // namespace

InstructionSet best_instruction_set() {
#if SLUICE_X86_VARIANTS
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  if (avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
      __builtin_cpu_supports("avx512vl")) {
    return InstructionSet::kAvx512;
  }
  if (avx2) return InstructionSet::kAvx2;
#endif
  return InstructionSet::kBaseline;
}

InstructionSet instruction_set() {
  return current().load(std::memory_order_relaxed);
}

void limit_instruction_set(InstructionSet highest) {
  current().store(std::min(highest, best_instruction_set()));
}

}  // namespace sluice::kernels
