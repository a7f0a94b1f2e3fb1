// Both forms of core/ops/expert_slots.
#include "core/ops/expert_slots.hpp"

#include "tests/core/ops/forms.hpp"

using namespace sluice;
using namespace sluice::testing;

namespace {

Tensors run(const Tensors& in) {
  ops::expert_slots_out(in[0], in[1], in[2], in[3]);
  return {in[1], in[2], in[3]};
}

// All but the places behind the last.
Tensors run_sorted(const Tensors& in) {
  const Tensors result = run(in);
  return {result[0], result[1].narrow(0, 0, in[0].ge(0).sum().item<std::int64_t>()), result[2]};
}

at::Tensor poison(std::int64_t count) {
  return at::full({count}, 99999, at::kLong);
}

}  // namespace

TEST_CASE("expert_slots: kernels and composed forms agree, with dropped entries and idle experts") {
  const Composed off(false);
  for (const std::int64_t tokens : {0, 1, 9, 400}) {
    for (const std::int64_t k : {1, 3}) {
      for (const std::int64_t experts : {1, 5, 64}) {
        INFO("tokens " << tokens << " k " << k << " experts " << experts);
        const at::Tensor chosen = integers({tokens, k}, 0, experts, "all").to(at::kInt);
        check_forms(run, {chosen, poison(experts), poison(tokens * k), poison(tokens * k)});
        const at::Tensor some_dropped = integers({tokens, k}, -1, experts + 1, "some").to(at::kInt);
        const Tensors some = {some_dropped, poison(experts), poison(tokens * k), poison(tokens * k)};
        const auto clone = [](const at::Tensor& tensor) { return tensor.clone(); };
        const Tensors kernels = run_sorted(for_each(some, clone));
        const Composed on;
        const Tensors composed = run_sorted(for_each(some, clone));
        for (std::size_t i = 0; i < 3; ++i) CHECK(at::equal(kernels[i], composed[i]));
      }
    }
  }
}

TEST_CASE("expert_slots refuses an expert that is not there in both forms") {
  const auto work = [] { run({at::tensor({1, 4}, at::kInt).view({2, 1}), poison(3), poison(2), poison(2)}); };
  CHECK_THROWS(work());
  const Composed on;
  CHECK_THROWS(work());
}
