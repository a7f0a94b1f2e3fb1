// Which vector instructions the kernels use. With g++, hot loops are compiled once per instruction set (for_each_isa.inc) and
// chosen at run time, so that one binary is fast on AVX2 and AVX-512 machines and still runs on any x86-64. With clang++, and on other
// processors, there is only `baseline`.
// The environment variable SLUICE_CPU_CAPABILITY (baseline, avx2 or avx512) names the highest set that a process may use, as
// ATEN_CPU_CAPABILITY does for LibTorch. All ranks of a job use the lowest set that any of them has.
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

/// The name in messages, checkpoints and the environment: "baseline", "avx2" or "avx512".
std::string_view name_of(InstructionSet set);
/// The instruction set with this name, or nothing if there is none.
std::optional<InstructionSet> instruction_set_named(std::string_view name);

/// The highest set that this build, the processor, the operating system and SLUICE_CPU_CAPABILITY allow. Usage error (exit 2) if that
/// variable names no instruction set.
InstructionSet best_instruction_set();

/// The set in use: best_instruction_set() of the first call, or what limit_instruction_set() set.
InstructionSet instruction_set();

/// From now on kernels use `highest`, or the best set if that is lower. For a set that all ranks of a job have, and for tests of slower
/// variants. Not while kernels run.
void limit_instruction_set(InstructionSet highest);

/// Returns the function for the instruction set in use.
template <class Function>
Function* choose_variant([[maybe_unused]] Function* avx512, [[maybe_unused]] Function* avx2, Function* baseline) {
  switch (instruction_set()) {
    case InstructionSet::kAvx512: return avx512;
    case InstructionSet::kAvx2: return avx2;
    case InstructionSet::kBaseline: break;
  }
  return baseline;
}

}  // namespace sluice::kernels

// A pointer to a function of the file's SLUICE_ISA_BODY (see for_each_isa.inc), compiled for the instruction set in use.
#if SLUICE_X86_VARIANTS
#define SLUICE_FOR_THIS_CPU(...) ::sluice::kernels::choose_variant(&avx512::__VA_ARGS__, &avx2::__VA_ARGS__, &baseline::__VA_ARGS__)
#else
#define SLUICE_FOR_THIS_CPU(...) (&baseline::__VA_ARGS__)
#endif
