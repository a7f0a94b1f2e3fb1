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
      for (const std::int64_t experts : {1, 5, 64, 600}) {
        INFO("tokens " << tokens << " k " << k << " experts " << experts);
        const auto slots = [&](const Tensors& in) { return run(in, experts); };
        check_forms(slots, {integers({tokens, k}, 0, experts, "all")});
        check_forms(slots, {at::full({tokens, k}, experts - 1, at::kLong)});  // one expert with all rows
        const at::Tensor some_dropped = integers({tokens, k}, -1, experts + 1, "some");
        const Tensors kernels = run({some_dropped}, experts);
        CHECK(kernels[1].size(0) == some_dropped.ge(0).sum().item<std::int64_t>());
        const Composed on;
        const Tensors composed = run({some_dropped}, experts);
        CHECK(at::equal(kernels[0], composed[0]));
        CHECK(at::equal(kernels[1], composed[1].narrow(0, 0, kernels[1].size(0))));  // the dropped stand behind
        CHECK(composed[1].size(0) == tokens * k);
        CHECK(at::equal(kernels[2], composed[2]));
        for (const Tensors& form : results_on_devices(slots, {some_dropped})) {
          CHECK(at::equal(form[0], composed[0]));
          CHECK(at::equal(form[1].narrow(0, 0, kernels[1].size(0)), kernels[1]));
          CHECK(at::equal(form[2], composed[2]));
        }
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
  const auto check = [](std::int64_t k, std::int64_t experts, const at::Tensor& chosen, const at::Tensor& sequence,
                        const at::Tensor& capacity) {
    INFO("k " << k << " experts " << experts << " tokens " << chosen.size(0));
    check_forms([&](const Tensors& of) { return Tensors{ops::within_capacity(of[0], of[1], of[2], experts)}; },
                {chosen, sequence, capacity});
  };
  const at::Tensor uneven = at::tensor({0, 0, 0, 0, 0, 0, 1, 2, 2, 2}, at::kLong), limits = at::tensor({2, 1, 100}, at::kLong);
  for (const std::int64_t k : {1, 2}) {
    for (const std::int64_t experts : {1, 3, 16, 300}) {
      check(k, experts, integers({10, k}, 0, experts, "experts"), uneven, limits);
      check(k, experts, at::full({10, k}, experts - 1, at::kLong), uneven, limits);  // one expert has all
      check(k, experts, integers({10, k}, 0, experts, "experts"), uneven * 2, at::tensor({2, 7, 1, 7, 100}, at::kLong));  // two are empty
      check(k, experts, at::empty({0, k}, at::kLong), at::empty({0}, at::kLong), limits);
      // A sequence of more entries than a device takes at once.
      const at::Tensor sequence = at::cat({at::zeros({300}, at::kLong), at::ones({280}, at::kLong)});
      check(k, experts, integers({580, k}, 0, experts, "many"), sequence,
            at::tensor(std::vector<std::int64_t>{300 * k / experts + 1, 270}, at::kLong));
    }
  }
}
