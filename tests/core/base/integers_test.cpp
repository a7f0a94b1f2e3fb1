#include "core/base/integers.hpp"

#include "tests/support/catch.hpp"

#include <cstdint>

using namespace sluice;

TEST_CASE("division rounds up, exact multiples stay") {
  REQUIRE(ceil_div(0, 4) == 0);
  REQUIRE(ceil_div(1, 4) == 1);
  REQUIRE(ceil_div(4, 4) == 1);
  REQUIRE(ceil_div(5, 4) == 2);
  REQUIRE(ceil_div(std::int64_t{5000000001}, 5) == 1000000001);
  REQUIRE(round_up(0, 16) == 0);
  REQUIRE(round_up(16, 16) == 16);
  REQUIRE(round_up(std::uint64_t{17}, 16) == 32);
}
