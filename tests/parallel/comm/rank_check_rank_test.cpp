// The rank test program itself: what REQUIRE_ALL_RANKS does, and, with SLUICE_TEST_FAIL set (rank_check_test.sh does that),
// that a failure on one rank fails the program on all, with a name and without a hang.
#include "tests/support/rank_check.hpp"

#include <unistd.h>

#include <cstdlib>
#include <stdexcept>

using namespace sluice;
using sluice::testing::agree;
using sluice::testing::world;

namespace {

bool asked_to(const char* what) {
  const char* asked = std::getenv("SLUICE_TEST_FAIL");
  return asked != nullptr && std::string(asked) == what;
}
bool last() { return world().rank() == world().size() - 1; }

}  // namespace

TEST_CASE("a condition that holds everywhere passes, one that fails on one rank fails on all and says where") {
  REQUIRE_ALL_RANKS(world().size() >= 1);
  REQUIRE_EQUAL_ALL_RANKS(world().rank() - world().rank(), 0);
  const auto verdict = agree([] { return !last(); }, [] { return std::string("7 is not 8"); }, "a == b", "file.cpp", 12);
  REQUIRE_ALL_RANKS(!verdict.passed);
  REQUIRE_ALL_RANKS(verdict.text.find("failed on rank " + std::to_string(world().size() - 1)) != std::string::npos);
  REQUIRE_ALL_RANKS((verdict.text.find("7 is not 8") != std::string::npos) == last());
  const auto thrown = agree([]() -> bool { throw std::runtime_error("broke"); }, [] { return std::string(); }, "f()", "file.cpp", 13);
  REQUIRE_ALL_RANKS(!thrown.passed && thrown.text.find("threw: broke") != std::string::npos);
}

TEST_CASE("sections run in step on all ranks") {
  int way = 0;
  SECTION("one") { way = 1; }
  SECTION("two") { way = 2; }
  std::int64_t sum = way;
  world().world()->start_all_reduce(&sum, 1, DType::kInt64, parallel::ReduceOp::kSum, {"sections"}).finish();
  REQUIRE_ALL_RANKS(sum == way * world().size());
}

TEST_CASE("asked for: one rank fails an agreed check") {
  if (!asked_to("agreed")) return;
  REQUIRE_EQUAL_ALL_RANKS(world().rank() * (last() ? 1 : 0), 0);
}

TEST_CASE("asked for: one rank fails alone at the end of a case") {
  if (!asked_to("alone")) return;
  REQUIRE(!last());
}

TEST_CASE("asked for: one rank fails alone before an agreed check") {
  if (!asked_to("before_check")) return;
  REQUIRE(!last());
  REQUIRE_ALL_RANKS(true);
}

TEST_CASE("asked for: one rank fails alone before a collective") {
  if (!asked_to("before_collective")) return;
  if (last()) throw std::runtime_error("only here");
  world().world()->start_barrier({"lonely barrier"}).finish();
}

TEST_CASE("asked for: one rank hangs") {
  if (!asked_to("hang")) return;
  if (last()) sleep(1000);
  world().world()->start_barrier({"lonely barrier"}).finish();
}
