// Both forms of core/ops/router, and what no choice may hang on: where a row or an expert stands.
#include "core/ops/router.hpp"

#include "tests/core/ops/forms.hpp"

using namespace sluice;
using namespace sluice::testing;

namespace {

Tensors logits(const Tensors& in) { return {ops::router_logits(in[0], in[1])}; }

Tensors softmax(const Tensors& in) {
  const ops::SoftmaxScores made = ops::softmax_scores(in[0]);
  return {made.scores, made.log_sums};
}

// Of dscores, dlog_sums and logits.
Tensors softmax_backward(const Tensors& in) { return {ops::softmax_scores_backward(in[0], in[1], in[2], ops::softmax_scores(in[2]))}; }

// The results of an operation in every form there is: kernels, composed, and on each device.
std::vector<Tensors> in_every_form(const Operation& operation, const Tensors& operands) {
  std::vector<Tensors> forms = results_on_devices(operation, operands);
  for (const bool composed : {false, true}) {
    const Composed form(composed);
    forms.push_back(operation(operands));
  }
  return forms;
}

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
    // A device's blocks have 32 rows and 32 experts.
    for (const std::int64_t experts : {33, 128}) {
      INFO("experts " << experts);
      check_forms(logits, {normal({70, 40}, type, "x"), normal({experts, 40}, accumulate, "w")});
    }
  });
}

TEST_CASE("equal rows of the router give bit-equal logits wherever they stand, and so do equal tokens") {
  for_each_type([](at::ScalarType type, at::ScalarType accumulate) {
    for (const std::int64_t width : {1, 3, 31, 64, 257}) {
      INFO("width " << width);
      at::Tensor x = normal({67, width}, type, "x"), w = normal({70, width}, accumulate, "w");
      for (const std::int64_t twin : {1, 6, 8, 16, 32, 69}) w[twin].copy_(w[0]);
      for (const std::int64_t twin : {5, 22, 40, 66}) x[twin].copy_(x[2]);
      // The last result: what it is of a few rows and a few experts alone.
      const auto work = [](const Tensors& in) {
        return Tensors{ops::router_logits(in[0], in[1]), ops::router_logits(in[0].narrow(0, 7, 3), in[1].narrow(0, 4, 5))};
      };
      for (const Tensors& form : in_every_form(work, {x, w})) {
        const at::Tensor& all = form[0];
        for (const std::int64_t twin : {1, 6, 8, 16, 32, 69}) CHECK(at::equal(all.select(1, twin), all.select(1, 0)));
        for (const std::int64_t twin : {5, 22, 40, 66}) CHECK(at::equal(all[twin], all[2]));
        CHECK(at::equal(form[1], all.narrow(0, 7, 3).narrow(1, 4, 5)));
      }
    }
  });
}

TEST_CASE("softmax_scores: forms agree, both ways, and equal logits and equal rows give equal bits") {
  for (const at::ScalarType type : {at::kFloat, at::kDouble}) {
    for (const std::int64_t rows : {0, 1, 9, 300}) {
      for (const std::int64_t experts : {1, 7, 32, 128, 300}) {
        INFO("rows " << rows << " experts " << experts);
        const at::Tensor logits = normal({rows, experts}, type, "logits") * 5.0;
        const at::Tensor dscores = normal({rows, experts}, type, "dscores"), dlog_sums = normal({rows}, type, "dlog_sums");
        check_forms(softmax, {logits});
        check_forms(softmax_backward, {dscores, dlog_sums, logits});
        check_forms(softmax_backward, {dscores, at::Tensor(), logits});
        check_forms(softmax_backward, {at::Tensor(), dlog_sums, logits});
      }
    }
    CHECK_THROWS(softmax_backward({at::Tensor(), at::Tensor(), normal({2, 3}, type, "logits")}));
    check_forms(
        softmax,
        {at::tensor({-kInfinity, 1.0, 2.0, kInfinity, 1.0, 2.0, kNaN, 1.0, kInfinity, -kInfinity, -kInfinity, -kInfinity, 1e3, -1e3, 1e3},
                    at::kDouble)
             .to(type)
             .view({5, 3})});
    at::Tensor logits = normal({67, 70}, type, "logits");
    for (const std::int64_t twin : {1, 31, 32, 69}) logits.select(1, twin).copy_(logits.select(1, 0));
    for (const std::int64_t twin : {5, 40, 66}) logits[twin].copy_(logits[2]);
    for (const Tensors& form : in_every_form(softmax, {logits})) {
      for (const std::int64_t twin : {1, 31, 32, 69}) CHECK(at::equal(form[0].select(1, twin), form[0].select(1, 0)));
      for (const std::int64_t twin : {5, 40, 66}) {
        CHECK(at::equal(form[0][twin], form[0][2]));
        CHECK(at::equal(form[1][twin], form[1][2]));
      }
    }
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
    for (const double logit : {-7.3, -0.2, 0.1, 0.9, 3.7})
      for (const std::int64_t experts : {1, 2, 5, 15, 33, 70})
        for (const Tensors& form : in_every_form(sigmoid, {at::full({3, experts}, logit, type)}))
          CHECK(at::equal(form[0], form[0][0][0].expand_as(form[0])));
  }
}

TEST_CASE("top_k: kernels and composed forms agree, ties by index, NaN below everything") {
  for (const at::ScalarType type : {at::kFloat, at::kDouble}) {
    for (const std::int64_t rows : {0, 1, 5, 600}) {
      for (const std::int64_t experts : {1, 4, 37, 128}) {
        for (const std::int64_t k : {std::int64_t{1}, std::min<std::int64_t>(3, experts), std::min<std::int64_t>(40, experts)}) {
          if (rows * experts > 30000) continue;  // the emulated device is slow
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
