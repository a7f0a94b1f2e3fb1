// Both forms of core/ops/router, and what no choice may hang on: where a row or an expert stands.
#include "core/ops/router.hpp"

#include "tests/core/ops/forms.hpp"

using namespace sluice;
using namespace sluice::testing;

namespace {

Tensors logits(const Tensors& in) { return {ops::router_logits(in[0], in[1])}; }

Tensors sigmoid(const Tensors& in) { return {ops::sigmoid_scores(in[0])}; }

}  // namespace

TEST_CASE("router_logits: kernels and composed forms agree") {
  for_each_type([](at::ScalarType type, at::ScalarType accumulate) {
    for (const std::int64_t rows : {0, 1, 5, 40}) {
      for (const std::int64_t experts : {1, 3, 8}) {
        for (const std::int64_t width : {1, 2, 7, 64, 100}) {
          INFO("rows " << rows << " experts " << experts << " width " << width);
          check_forms(logits, {normal({rows, width}, type, "x"), normal({experts, width}, accumulate, "w")});
        }
      }
    }
  });
}

TEST_CASE("equal rows of the router give bit-equal logits wherever they stand, and so do equal tokens") {
  for (const bool composed : {false, true}) {
    INFO("composed " << composed);
    const Composed form(composed);
    for_each_type([](at::ScalarType type, at::ScalarType accumulate) {
      for (const std::int64_t width : {1, 3, 31, 64, 257}) {
        INFO("width " << width);
        at::Tensor x = normal({23, width}, type, "x"), w = normal({17, width}, accumulate, "w");
        for (const std::int64_t twin : {1, 6, 8, 16}) w[twin].copy_(w[0]);
        for (const std::int64_t twin : {5, 22}) x[twin].copy_(x[2]);
        const at::Tensor all = ops::router_logits(x, w);
        for (const std::int64_t twin : {1, 6, 8, 16}) CHECK(at::equal(all.select(1, twin), all.select(1, 0)));
        for (const std::int64_t twin : {5, 22}) CHECK(at::equal(all[twin], all[2]));
        // Nor do they hang on what else is computed.
        CHECK(at::equal(ops::router_logits(x.narrow(0, 7, 3), w.narrow(0, 4, 5)), all.narrow(0, 7, 3).narrow(1, 4, 5)));
      }
    });
  }
}

TEST_CASE("router_logits composed goes piece by piece through many rows") {
  const at::Tensor x = normal({70, 1024}, at::kFloat, "x"), w = normal({64, 1024}, at::kFloat, "w");
  const Composed on;
  const at::Tensor all = ops::router_logits(x, w);
  check_close(all, at::mm(x.to(at::kDouble), w.to(at::kDouble).t()).to(at::kFloat));
  CHECK(at::equal(ops::router_logits(x.narrow(0, 60, 10), w), all.narrow(0, 60, 10)));
}

TEST_CASE("sigmoid_scores: kernels and composed forms agree, and equal logits give bit-equal scores") {
  for (const at::ScalarType type : {at::kFloat, at::kDouble}) {
    for (const std::int64_t rows : {0, 1, 3, 700})
      for (const std::int64_t experts : {1, 7, 64}) check_forms(sigmoid, {normal({rows, experts}, type, "logits") * 5.0});
    check_forms(sigmoid, {at::tensor({-1000.0, 1000.0, kInfinity, -kInfinity, kNaN, 0.0}, at::kDouble).to(type).view({2, 3})});
    for (const bool composed : {false, true}) {
      const Composed form(composed);
      for (const double logit : {-7.3, -0.2, 0.1, 0.9, 3.7}) {
        for (const std::int64_t experts : {1, 2, 5, 15, 33, 70}) {
          const at::Tensor scores = ops::sigmoid_scores(at::full({3, experts}, logit, type));
          CHECK(at::equal(scores, scores[0][0].expand_as(scores)));
        }
      }
    }
  }
}

TEST_CASE("top_k: kernels and composed forms agree, ties by index, NaN below everything") {
  for (const at::ScalarType type : {at::kFloat, at::kDouble}) {
    for (const std::int64_t rows : {0, 1, 5, 600}) {
      for (const std::int64_t experts : {1, 4, 37}) {
        for (const std::int64_t k : {std::int64_t{1}, std::min<std::int64_t>(3, experts), experts}) {
          INFO("rows " << rows << " experts " << experts << " k " << k);
          const auto choose = [k](const Tensors& in) -> Tensors { return {ops::top_k(in[0], in[1], k)}; };
          // Rounded to a few values: many ties.
          const at::Tensor scores = at::round(normal({rows, experts}, type, "scores"));
          check_forms(choose, {scores, at::Tensor()});
          check_forms(choose, {scores, at::round(normal({experts}, type, "bias"))});
        }
      }
    }
    const at::Tensor odd = at::tensor({kNaN, -kInfinity, 0.0, -0.0, kNaN, kInfinity, 1.0, 1.0}, at::kDouble).to(type).view({1, 8});
    const auto all = [](const Tensors& in) -> Tensors { return {ops::top_k(in[0], in[1], 8)}; };
    check_forms(all, {odd, at::Tensor()});
    CHECK(at::equal(ops::top_k(odd, at::Tensor(), 8), at::tensor({5, 6, 7, 2, 3, 1, 0, 4}, at::kLong).view({1, 8})));
    for (const std::int64_t k : {-1, 9}) {
      CHECK_THROWS(ops::top_k(odd, at::Tensor(), k));
      const Composed on;
      CHECK_THROWS(ops::top_k(odd, at::Tensor(), k));
    }
  }
}
