#include "parallel/plan/shards.hpp"

#include "core/base/error.hpp"
#include "tests/support/catch.hpp"

using namespace sluice;
using namespace sluice::parallel;

TEST_CASE("shards tile the whole and differ by at most one") {
  for (const long long total : {0LL, 1LL, 5LL, 8LL, 1000003LL})
    for (const int count : {1, 2, 3, 7}) {
      long long next = 0;
      for (int index = 0; index < count; ++index) {
        const IndexRange part = shard_of(total, count, index);
        REQUIRE(part.first == next);
        REQUIRE(part.count >= total / count);
        REQUIRE(part.count <= total / count + 1);
        next += part.count;
      }
      REQUIRE(next == total);
    }
}

TEST_CASE("micro-batches are at most the bound, even, and tile the samples") {
  REQUIRE(micro_batches({8, 8}, 3) == std::vector<IndexRange>{{8, 3}, {11, 3}, {14, 2}});
  REQUIRE(micro_batches({0, 5}, 4) == std::vector<IndexRange>{{0, 3}, {3, 2}});
  REQUIRE(micro_batches({4, 4}, 100) == std::vector<IndexRange>{{4, 4}});
  REQUIRE(micro_batches({4, 0}, 2) == std::vector<IndexRange>{{4, 0}});
  REQUIRE_THROWS_AS(micro_batches({0, 4}, 0), Error);
}
