// Both forms of core/ops/embedding.
#include "core/ops/embedding.hpp"

#include "tests/core/ops/forms.hpp"

using namespace sluice;
using namespace sluice::testing;

namespace {

Tensors forward(const Tensors& in) { return {ops::embedding(in[0], in[1])}; }

Tensors backward(const Tensors& in) {
  ops::embedding_backward(in[0], in[1], in[2]);
  return {in[2]};
}

}  // namespace

TEST_CASE("embedding: kernels and composed forms agree, and backward adds to what is there") {
  for_each_type([](at::ScalarType type, at::ScalarType accumulate) {
    for (const std::int64_t tokens : {0, 1, 30, 3000}) {
      for (const std::int64_t width : {1, 9, 64}) {
        INFO("tokens " << tokens << " width " << width);
        const at::Tensor ids = integers({tokens}, 0, 11, "ids");  // 11 stays without a token
        check_forms(forward, {normal({12, width}, type, "table"), ids});
        check_forms(backward, {normal({tokens, width}, type, "dy"), ids, normal({12, width}, accumulate, "dtable")});
      }
    }
  });
}

TEST_CASE("embedding gradients are added up in the order of the tokens in both forms") {
  const Composed off(false);
  const at::Tensor ids = integers({2000}, 0, 3, "ids"), dy = normal({2000, 40}, at::kFloat, "dy");
  const at::Tensor kernels = normal({3, 40}, at::kFloat, "dtable"), composed = kernels.clone();
  ops::embedding_backward(dy, ids, kernels);
  const Composed on;
  ops::embedding_backward(dy, ids, composed);
  CHECK(at::equal(kernels, composed));
}

TEST_CASE("embedding refuses an id outside the table in both forms") {
  const auto run = [](std::int64_t id) {
    const at::Tensor ids = at::tensor({id}, at::kLong), table = at::zeros({3, 2}, at::kFloat);
    CHECK_THROWS(ops::embedding(table, ids));
    CHECK_THROWS(ops::embedding_backward(at::ones({1, 2}, at::kFloat), ids, table));
  };
  for (const std::int64_t id : {-1, 3}) {
    run(id);
    const Composed on;
    run(id);
  }
}
