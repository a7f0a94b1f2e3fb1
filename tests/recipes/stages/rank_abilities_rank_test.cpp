// One rank that has less than the others: all compute as it can.
#include "recipes/stages/rank_abilities.hpp"

#include "core/ops/backend.hpp"
#include "core/tensor/dtype_map.hpp"
#include "recipes/stages/rank0.hpp"
#include "tests/support/rank_check.hpp"

#include <cstdlib>

using namespace sluice;
using namespace sluice::recipes;
using sluice::testing::world;

namespace {

struct Restore {
  bool composed = ops::uses_composed();
  ~Restore() {
    for (const char* variable : {"SLUICE_CPU_CAPABILITY", "SLUICE_BFLOAT16_PRODUCTS", "SLUICE_OPERATIONS"}) unsetenv(variable);
    ops::use_composed(composed);
    kernels::limit_instruction_set(kernels::best_instruction_set());
    set_native_bfloat16(best_bfloat16_products().native);
  }
};

}  // namespace

TEST_CASE("kernels and bfloat16 products are those that all ranks have") {
  const Restore restore;
  const int last = world().size() - 1;
  setenv("SLUICE_BFLOAT16_PRODUCTS", "native", 1);
  REQUIRE_ALL_RANKS(use_common_abilities(world(), Device::kCpu).size() == static_cast<std::size_t>(world().size()));
  REQUIRE_ALL_RANKS(kernels::instruction_set() == kernels::best_instruction_set());
  REQUIRE_ALL_RANKS(native_bfloat16(at::kCPU));
  if (world().rank() == last) {
    setenv("SLUICE_CPU_CAPABILITY", "baseline", 1);
    setenv("SLUICE_BFLOAT16_PRODUCTS", "float32", 1);
  }
  const std::vector<RankAbilities> ranks = use_common_abilities(world(), Device::kCpu);
  REQUIRE_ALL_RANKS(kernels::instruction_set() == kernels::InstructionSet::kBaseline);
  REQUIRE_ALL_RANKS(!native_bfloat16(at::kCPU));
  REQUIRE_ALL_RANKS(ranks[static_cast<std::size_t>(last)].set == kernels::InstructionSet::kBaseline);
  REQUIRE_ALL_RANKS(choose_bfloat16(ranks).text.find("SLUICE_BFLOAT16_PRODUCTS=float32") != std::string::npos);
}

TEST_CASE("operations run composed on all ranks where one runs them so") {
  const Restore restore;
  unsetenv("SLUICE_OPERATIONS");
  use_common_abilities(world(), Device::kCpu);
  REQUIRE_ALL_RANKS(!ops::uses_composed());
  if (world().rank() == world().size() - 1) setenv("SLUICE_OPERATIONS", "composed", 1);
  const std::vector<RankAbilities> ranks = use_common_abilities(world(), Device::kCpu);
  REQUIRE_ALL_RANKS(ops::uses_composed());
  REQUIRE_ALL_RANKS(computed_with(ranks, nullptr, "").operations == "composed");
}

TEST_CASE("a value that one rank cannot read ends all") {
  const Restore restore;
  for (const char* variable : {"SLUICE_CPU_CAPABILITY", "SLUICE_BFLOAT16_PRODUCTS"}) {
    if (world().rank() == world().size() - 1) setenv(variable, "fastest", 1);
    std::string problem;
    try {
      use_common_abilities(world(), Device::kCpu);
    } catch (const AgreedError& error) {
      problem = error.what();
    }
    REQUIRE_ALL_RANKS(problem.find(std::string(variable) + "=fastest") != std::string::npos);
    unsetenv(variable);
  }
}
