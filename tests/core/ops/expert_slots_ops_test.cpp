// Both forms of core/ops/expert_slots.
#include "core/ops/expert_slots.hpp"

#include "tests/core/ops/forms.hpp"

using namespace sluice;
using namespace sluice::testing;

namespace {

Tensors run(const Tensors& in, std::int64_t experts) {
  const ops::ExpertSlots made = ops::expert_slots(in[0], experts);
  return {made.counts, made.order, made.slots};
}

}  // namespace

TEST_CASE("expert_slots: kernels and composed forms agree, with dropped entries and idle experts") {
  const Composed off(false);
  for (const std::int64_t tokens : {0, 1, 9, 400}) {
    for (const std::int64_t k : {1, 3}) {
      for (const std::int64_t experts : {1, 5, 64}) {
        INFO("tokens " << tokens << " k " << k << " experts " << experts);
        const auto slots = [&](const Tensors& in) { return run(in, experts); };
        check_forms(slots, {integers({tokens, k}, 0, experts, "all")});
        const at::Tensor some_dropped = integers({tokens, k}, -1, experts + 1, "some");
        const Tensors kernels = run({some_dropped}, experts);
        CHECK(kernels[1].size(0) == some_dropped.ge(0).sum().item<std::int64_t>());
        const Composed on;
        const Tensors composed = run({some_dropped}, experts);
        CHECK(at::equal(kernels[0], composed[0]));
        CHECK(at::equal(kernels[1], composed[1].narrow(0, 0, kernels[1].size(0))));  // the dropped stand behind
        CHECK(composed[1].size(0) == tokens * k);
        CHECK(at::equal(kernels[2], composed[2]));
      }
    }
  }
}

TEST_CASE("expert_slots refuses an expert that is not there in both forms") {
  const auto work = [] { run({at::tensor({1, 4}, at::kLong).view({2, 1})}, 3); };
  CHECK_THROWS(work());
  const Composed on;
  CHECK_THROWS(work());
}

TEST_CASE("within_capacity: kernels and composed forms agree, over sequences of unequal length") {
  for (const std::int64_t k : {1, 2}) {
    for (const std::int64_t experts : {1, 3, 16}) {
      INFO("k " << k << " experts " << experts);
      const at::Tensor sequence = at::tensor({0, 0, 0, 0, 0, 0, 1, 2, 2, 2}, at::kLong);
      const Tensors in = {integers({10, k}, 0, experts, "experts"), sequence, at::tensor({2, 1, 100}, at::kLong)};
      check_forms([&](const Tensors& of) { return Tensors{ops::within_capacity(of[0], of[1], of[2], experts)}; }, in);
    }
  }
}
