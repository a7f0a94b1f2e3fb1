#include "core/kernels/simd/instruction_set.hpp"

#include "core/base/error.hpp"
#include "core/base/processor.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdlib>

namespace sluice::kernels {
namespace {

constexpr std::array<std::string_view, 3> kNames = {"baseline", "avx2", "avx512"};

std::atomic<InstructionSet>& current() {
  static std::atomic<InstructionSet> value{best_instruction_set()};
  return value;
}

InstructionSet best_of_processor() {
#if SLUICE_X86_VARIANTS
  if (this_processor().avx512) return InstructionSet::kAvx512;
  if (this_processor().avx2) return InstructionSet::kAvx2;
#endif
  return InstructionSet::kBaseline;
}

}  // namespace

std::string_view name_of(InstructionSet set) { return kNames[static_cast<std::size_t>(set)]; }

std::optional<InstructionSet> instruction_set_named(std::string_view name) {
  const auto found = std::find(kNames.begin(), kNames.end(), name);
  if (found == kNames.end()) return std::nullopt;
  return static_cast<InstructionSet>(found - kNames.begin());
}

InstructionSet best_instruction_set() {
  const char* most = std::getenv("SLUICE_CPU_CAPABILITY");
  if (most == nullptr || *most == '\0') return best_of_processor();
  const auto named = instruction_set_named(most);
  if (!named) throw usage_error("SLUICE_CPU_CAPABILITY={} is none of baseline, avx2, avx512", most);
  return std::min(*named, best_of_processor());
}

InstructionSet instruction_set() { return current().load(std::memory_order_relaxed); }

void limit_instruction_set(InstructionSet highest) { current().store(std::min(highest, best_instruction_set())); }

}  // namespace sluice::kernels
