// Which vector instructions the kernels use. Hot loops are compiled once per instruction set (for_each_isa.inc) and
// chosen at run time, so that one binary is fast on AVX2 and AVX-512 machines and still runs on any x86-64.
// The environment variable SLUICE_CPU_CAPABILITY (baseline, avx2 or avx512) takes instruction sets away from a process, as
// ATEN_CPU_CAPABILITY does in LibTorch. The ranks of a job all use the least that any of them has.
// Results differ between `baseline` and the others in the last bits (no fused multiply-add there); within one
// instruction set they are reproducible bit for bit.
#pragma once

#include <optional>
#include <string_view>

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define SLUICE_X86_VARIANTS 1
#else
#define SLUICE_X86_VARIANTS 0
#endif

namespace sluice::kernels {

enum class InstructionSet { kBaseline, kAvx2, kAvx512 };

/// "baseline", "avx2" or "avx512", in messages, checkpoints and the environment.
std::string_view name_of(InstructionSet set);
std::optional<InstructionSet> instruction_set_named(std::string_view name);

/// The best one that this processor, operating system and SLUICE_CPU_CAPABILITY allow. Usage error if that names none.
InstructionSet best_instruction_set();

/// The one in use: the best unless limited.
InstructionSet instruction_set();

/// Uses at most `highest` from now on: what all ranks of a job have, or a slower variant in a test. Not while kernels run.
void limit_instruction_set(InstructionSet highest);

template <class Function>
Function* choose_variant([[maybe_unused]] Function* avx512, [[maybe_unused]] Function* avx2, Function* baseline) {
  switch (instruction_set()) {
    case InstructionSet::kAvx512:
      return avx512;
    case InstructionSet::kAvx2:
      return avx2;
    case InstructionSet::kBaseline:
      break;
  }
  return baseline;
}

}  // namespace sluice::kernels

// The variant of a function of the including file's SLUICE_ISA_BODY for this processor.
#if SLUICE_X86_VARIANTS
#define SLUICE_FOR_THIS_CPU(...) ::sluice::kernels::choose_variant(&avx512::__VA_ARGS__, &avx2::__VA_ARGS__, &baseline::__VA_ARGS__)
#else
#define SLUICE_FOR_THIS_CPU(...) (&baseline::__VA_ARGS__)
#endif
