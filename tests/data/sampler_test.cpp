#include "data/sampler.hpp"

#include "tests/data/data_support.hpp"
#include "tests/support/catch.hpp"

#include <cmath>
#include <limits>
#include <map>
#include <set>
#include <utility>
#include <vector>

using namespace sluice;
using namespace sluice::data;

namespace {

using Seen = std::map<std::pair<std::size_t, std::uint64_t>, int>;

Seen epoch(const Sampler& sampler, std::uint64_t number) {
  Seen seen;
  const std::uint64_t size = sampler.samples_per_epoch();
  for (std::uint64_t i = number * size; i < (number + 1) * size; ++i) {
    const WindowId id = sampler(i);
    ++seen[{id.source, id.window}];
  }
  return seen;
}

}  // namespace

TEST_CASE("shuffled: an epoch sees every window once, epochs and seeds differ") {
  const std::vector<std::uint64_t> windows = {100, 1, 37};
  const Sampler sampler(Order::kShuffled, 17, 8, windows, {1.0, 1.0, 1.0});
  REQUIRE(sampler.samples_per_epoch() == 138);
  for (const std::uint64_t number : {0, 1, 2, 1000}) {
    const Seen seen = epoch(sampler, number);
    REQUIRE(seen.size() == 138);
    for (const auto& [id, count] : seen) {
      REQUIRE(count == 1);
      REQUIRE(id.second < windows[id.first]);
    }
  }
  const Sampler other(Order::kShuffled, 18, 8, windows, {1.0, 1.0, 1.0});
  int same_epoch = 0, same_seed = 0, in_order = 0;
  for (std::uint64_t i = 0; i < 138; ++i) {
    const WindowId a = sampler(i), b = sampler(i + 138), c = other(i);
    same_epoch += a.source == b.source && a.window == b.window;
    same_seed += a.source == c.source && a.window == c.window;
    in_order += a.source == 0 && a.window == i;
  }
  REQUIRE(same_epoch < 15);
  REQUIRE(same_seed < 15);
  REQUIRE(in_order < 15);
}

TEST_CASE("shuffled: the order is a contract, so that a run resumed later sees the same text") {
  const Sampler sampler(Order::kShuffled, 17, 8, {1000, 50}, {1.0, 2.0});
  std::vector<std::pair<std::size_t, std::uint64_t>> got;
  for (const std::uint64_t i : {0, 1, 2, 3, 1099, 1100, 5000000}) {
    const WindowId id = sampler(i);
    got.emplace_back(id.source, id.window);
  }
  INFO(got[0].first << ":" << got[0].second << " " << got[1].first << ":" << got[1].second << " " << got[2].first << ":" << got[2].second
                    << " " << got[3].first << ":" << got[3].second << " " << got[4].first << ":" << got[4].second << " " << got[5].first
                    << ":" << got[5].second << " " << got[6].first << ":" << got[6].second);
  REQUIRE(got == std::vector<std::pair<std::size_t, std::uint64_t>>{{0, 365}, {0, 900}, {0, 516}, {0, 116}, {1, 16}, {0, 139}, {0, 609}});
}

TEST_CASE("shuffled: weights say how often a source's own windows come") {
  const Sampler sampler(Order::kShuffled, 3, 4, {200, 30, 90}, {1.0, 3.0, 0.5});
  REQUIRE(sampler.samples_per_epoch() == 200 + 90 + 45);
  Seen both;
  for (const std::uint64_t number : {0, 1}) {
    const Seen seen = epoch(sampler, number);
    for (const auto& [id, count] : seen) {
      if (id.first == 0) REQUIRE(count == 1);
      if (id.first == 1) REQUIRE(count == 3);
      if (id.first == 2) REQUIRE(count == 1);
      both[id] += count;
    }
  }
  // Weight 0.5: half of the windows in one epoch, the other half in the next.
  REQUIRE(both.size() == 320);
  for (const auto& [id, count] : both)
    if (id.first == 2) REQUIRE(count == 1);
  // Sources are mixed all over the epoch, not one after the other.
  int early = 0;
  for (std::uint64_t i = 0; i < sampler.samples_per_epoch() / 2; ++i) early += sampler(i).source == 1;
  REQUIRE(early > 25);
  REQUIRE(early < 65);
  // A tiny weight still gets its turn.
  REQUIRE(Sampler(Order::kShuffled, 3, 4, {200, 30}, {1.0, 1e-6}).samples_per_epoch() == 200 + 1);
}

TEST_CASE("contiguous: lanes of equal length, each continuing where it was") {
  const std::int64_t lanes = 4;
  const Sampler sampler(Order::kContiguous, 17, lanes, {10, 9}, {1.0, 1.0});
  REQUIRE(sampler.samples_per_epoch() == 16);  // 19 windows: 4 lanes of 4
  for (std::uint64_t i = 0; i < 48; ++i) {
    const std::uint64_t index = i % 4 * 4 + i / 4 % 4;
    const WindowId id = sampler(i);
    REQUIRE(id.source == (index < 10 ? 0u : 1u));
    REQUIRE(id.window == (index < 10 ? index : index - 10));
  }
  REQUIRE(contains(error_of([] { Sampler(Order::kContiguous, 1, 20, {10, 9}, {1.0, 1.0}); }),
                   "3: order: contiguous needs a window for each of global_batch_size(20) lanes, the training text has 19"));
  REQUIRE(contains(error_of([] { Sampler(Order::kContiguous, 1, 2, {10, 9}, {1.0, 2.0}); }), "2: data.train[1].weight(2)"));
}

TEST_CASE("impossible weights are refused") {
  for (const double weight : {0.0, -1.0, std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity(), 1e300})
    REQUIRE(contains(error_of([&] { Sampler(Order::kShuffled, 1, 2, {10}, {weight}); }), "2: data.train[0].weight("));
}

TEST_CASE("shards of any number of ranks together are the same global order") {
  const std::int64_t batch = 24;
  for (std::uint64_t step = 0; step < 3; ++step) {
    for (const int world : {1, 2, 3, 4, 6, 8, 12, 24}) {
      std::uint64_t next = step * 24;
      for (int rank = 0; rank < world; ++rank) {
        const SampleRange range = shard_of_step(step, batch, rank, world);
        REQUIRE(range.begin == next);
        REQUIRE(range.end - range.begin == static_cast<std::uint64_t>(batch / world));
        next = range.end;
      }
      REQUIRE(next == (step + 1) * 24);
    }
  }
  REQUIRE(error_of([] { shard_of_step(0, 32, 0, 3); }) == "2: global_batch_size(32) is not a multiple of 3 ranks");
  REQUIRE(error_of([] { shard_of_step(0, 0, 0, 1); }) == "2: global_batch_size(0) is not a multiple of 1 ranks");
}
