#include "core/base/random.hpp"

#include "tests/support/catch.hpp"

#include <cmath>
#include <vector>

using namespace sluice;

TEST_CASE("philox matches the published known-answer vectors") {
  // Random123 kat_vectors, philox4x32 10 rounds.
  REQUIRE(philox(0, 0, 0) == std::array<std::uint32_t, 4>{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
  REQUIRE(philox(~0ULL, ~0ULL, ~0ULL) == std::array<std::uint32_t, 4>{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
}

TEST_CASE("random_permutation is a permutation for every size") {
  for (const std::uint64_t size : {1, 2, 3, 5, 16, 17, 1000}) {
    std::vector<int> seen(size, 0);
    for (std::uint64_t i = 0; i < size; ++i) seen.at(random_permutation(42, size, i))++;
    for (const int count : seen) REQUIRE(count == 1);
  }
}

TEST_CASE("random_normal has mean 0 and variance 1") {
  double sum = 0, squares = 0;
  const int n = 20000;
  for (int i = 0; i < n; ++i) {
    const double value = random_normal(random_key(7, "w"), i);
    sum += value;
    squares += value * value;
  }
  REQUIRE(std::abs(sum / n) < 0.03);
  REQUIRE(std::abs(squares / n - 1.0) < 0.05);
}
