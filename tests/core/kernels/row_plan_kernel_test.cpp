#include "core/base/error.hpp"
#include "core/kernels/row_plan.hpp"
#include "tests/core/kernels/kernel_testing.hpp"

using namespace sluice::kernels;
using namespace sluice::kernels::testing;

namespace {

using Integers = std::vector<std::int64_t>;

struct Plan {
  Integers counts, order, slot;
  std::int64_t rows = 0;
};

using Function = std::int64_t (*)(const std::int64_t*, std::int64_t, std::int64_t, std::int64_t, std::int64_t*, std::int64_t*,
                                  std::int64_t*);

Plan plan_of(Function function, const std::vector<std::int64_t>& experts, std::int64_t N, std::int64_t K, std::int64_t E) {
  Plan plan{Integers(E, -5), Integers(N * K, -5), Integers(N * K, -5)};
  plan.rows = function(experts.data(), N, K, E, plan.counts.data(), plan.order.data(), plan.slot.data());
  return plan;
}

}  // namespace

TEST_CASE("expert_slots sorts by expert and keeps the order of tokens") {
  const Plan plan = plan_of(expert_slots, {2, 0, 0, 2, -1, 2}, 3, 2, 4);
  CHECK(plan.rows == 5);
  CHECK(plan.counts == Integers{2, 0, 3, 0});
  CHECK(plan.order == Integers{1, 2, 0, 3, 5, -5});  // the last place is not used
  CHECK(plan.slot == Integers{2, 0, 1, 3, -1, 4});
}

TEST_CASE("expert_slots equals its reference") {
  for (const std::int64_t N : {0, 1, 3, 1000}) {
    for (const std::int64_t K : {1, 2, 5}) {
      for (const std::int64_t E : {1, 8, 67}) {
        std::vector<std::int64_t> experts(N * K);
        for (std::int64_t i = 0; i < N * K; ++i) {
          const auto random = sluice::philox(11, static_cast<std::uint64_t>(i), 0);
          experts[i] = random[1] % 9 == 0 ? -1 : static_cast<std::int64_t>(random[0] % E);
        }
        const Plan got = plan_of(expert_slots, experts, N, K, E), expected = plan_of(reference::expert_slots, experts, N, K, E);
        CHECK(got.rows == expected.rows);
        CHECK(got.counts == expected.counts);
        CHECK(got.order == expected.order);
        CHECK(got.slot == expected.slot);
      }
    }
  }
}

TEST_CASE("expert_slots refuses an expert that does not exist") {
  CHECK_THROWS_AS(plan_of(expert_slots, {0, 4}, 1, 2, 4), sluice::Error);
  CHECK_THROWS_AS(plan_of(expert_slots, {0, -2}, 1, 2, 4), sluice::Error);
}

TEST_CASE("within_capacity equals its reference: the first of each sequence keep their place") {
  const std::int64_t K = 2, E = 3;
  const Integers lengths = {5, 1, 40, 2}, capacity = {2, 1, 7, 100};
  Integers sequence, experts;
  for (std::size_t b = 0; b < lengths.size(); ++b)
    sequence.resize(sequence.size() + static_cast<std::size_t>(lengths[b]), static_cast<std::int64_t>(b));
  const auto N = static_cast<std::int64_t>(sequence.size());
  for (std::int64_t i = 0; i < N * K; ++i)
    experts.push_back(static_cast<std::int64_t>(sluice::philox(12, static_cast<std::uint64_t>(i), 0)[0] % E));
  Integers kept(experts.size(), -5), expected(experts.size(), -5);
  within_capacity(experts.data(), sequence.data(), capacity.data(), N, K, E, kept.data());
  reference::within_capacity(experts.data(), sequence.data(), capacity.data(), N, K, E, expected.data());
  CHECK(kept == expected);
  CHECK(std::count(kept.begin(), kept.end(), -1) > 0);
}
