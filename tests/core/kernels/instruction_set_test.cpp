#include "core/kernels/simd/instruction_set.hpp"

#include "core/base/error.hpp"
#include "tests/support/catch.hpp"

#include <algorithm>
#include <cstdlib>
#include <string>

using namespace sluice;
using namespace sluice::kernels;

namespace {

constexpr const char* kVariable = "SLUICE_CPU_CAPABILITY";

struct Restore {
  const char* const value = std::getenv(kVariable);
  const std::string before = value == nullptr ? "" : value;
  ~Restore() {
    setenv(kVariable, before.c_str(), 1);
    limit_instruction_set(best_instruction_set());
  }
};

}  // namespace

TEST_CASE("the environment takes instruction sets away, and gives none") {
  const Restore restore;
  setenv(kVariable, "", 1);
  const InstructionSet best = best_instruction_set();
  for (const InstructionSet set : {InstructionSet::kBaseline, InstructionSet::kAvx2, InstructionSet::kAvx512}) {
    CHECK(instruction_set_named(name_of(set)) == set);
    setenv(kVariable, std::string(name_of(set)).c_str(), 1);
    CHECK(best_instruction_set() == std::min(set, best));
    limit_instruction_set(InstructionSet::kAvx512);
    CHECK(instruction_set() == std::min(set, best));
  }
  for (const char* other : {"AVX2", "default", "avx10"}) {
    setenv(kVariable, other, 1);
    CHECK_FALSE(instruction_set_named(other));
    CHECK_THROWS_AS(best_instruction_set(), Error);
  }
}
