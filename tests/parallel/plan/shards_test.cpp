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

TEST_CASE("every rank has the same number of samples of a step") {
  REQUIRE(samples_of_rank(32, 4, 3) == IndexRange{24, 8});
  std::string text;
  try {
    samples_of_rank(32, 3, 0);
  } catch (const Error& error) {
    REQUIRE(error.code() == ExitCode::kUsage);
    text = error.what();
  }
  REQUIRE(text == "global_batch_size(32) is not a multiple of 3 ranks");
  REQUIRE_THROWS_AS(samples_of_rank(0, 1, 0), Error);
}

TEST_CASE("micro-batches are at most the bound, even, and tile the samples") {
  REQUIRE(micro_batches({8, 8}, 3) == std::vector<IndexRange>{{8, 3}, {11, 3}, {14, 2}});
  REQUIRE(micro_batches({0, 5}, 4) == std::vector<IndexRange>{{0, 3}, {3, 2}});
  REQUIRE(micro_batches({4, 4}, 100) == std::vector<IndexRange>{{4, 4}});
  REQUIRE(micro_batches({4, 0}, 2) == std::vector<IndexRange>{{4, 0}});
  REQUIRE_THROWS_AS(micro_batches({0, 4}, 0), Error);
}
