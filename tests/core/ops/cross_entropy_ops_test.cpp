// Both forms of core/ops/cross_entropy.
#include "core/ops/cross_entropy.hpp"

#include "tests/core/ops/forms.hpp"

using namespace sluice;
using namespace sluice::testing;

namespace {

Tensors in_place(const Tensors& in) {
  ops::cross_entropy(in[0], in[1], in[2], in[3]);
  return {in[0], in[2]};
}

void check(const at::Tensor& logits, const at::Tensor& targets, at::ScalarType accumulate) {
  const at::Tensor nll = at::full(targets.sizes(), kNaN, accumulate);
  check_forms(in_place, {logits, targets, nll, at::Tensor()});
  check_forms(in_place, {logits, targets, nll, normal(targets.sizes(), accumulate, "scales")});
}

}  // namespace

TEST_CASE("cross_entropy: kernels and composed forms agree") {
  for_each_type([](at::ScalarType type, at::ScalarType accumulate) {
    for (const std::int64_t rows : {0, 1, 9, 70}) {
      for (const std::int64_t vocabulary : {1, 7, 64, 1500}) {
        INFO("rows " << rows << " vocabulary " << vocabulary);
        // -1: no target.
        check(normal({rows, vocabulary}, type, "logits") * 4.0, integers({rows}, -1, vocabulary + 1, "targets"), accumulate);
      }
    }
    at::Tensor odd = normal({6, 20}, type, "logits");
    odd[0][3] = kNaN;
    odd[1][3] = kInfinity;
    odd[2].fill_(-kInfinity);
    odd[3][3] = -kInfinity;
    odd[4].fill_(kNaN);
    odd[5].fill_(2.0);  // all the same
    check(odd, at::tensor({1, 2, 3, 4, -1, 6}, at::kLong), accumulate);
  });
}

TEST_CASE("cross_entropy refuses a target outside the vocabulary in both forms") {
  const auto run = [] {
    const at::Tensor logits = normal({2, 5}, at::kFloat, "logits");
    ops::cross_entropy(logits, at::tensor({1, 5}, at::kLong), at::empty({2}, at::kFloat), at::Tensor());
  };
  CHECK_THROWS(run());
  const Composed on;
  CHECK_THROWS(run());
}
