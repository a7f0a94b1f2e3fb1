// Both forms of core/ops/adamw.
#include "core/ops/adamw.hpp"

#include "tests/core/ops/forms.hpp"
#include "tests/support/adamw_control.hpp"

#include <limits>

using namespace sluice;
using namespace sluice::testing;

namespace {

// A NaN in the gradient goes into value and moments of its element alone.
Tensors operands(at::IntArrayRef shape, at::ScalarType type) {
  const at::Tensor grad = normal(shape, type, "grad");
  if (grad.numel() > 3) grad.view({-1})[3] = kNaN;
  return {normal(shape, type, "value"), grad, normal(shape, type, "exp_avg"), normal(shape, type, "exp_avg_sq").square(), update_by(0.7)};
}

ops::AdamwStep numbers() {
  ops::AdamwStep step{1e-2, 0.9, 0.95, 1e-8, 0.1};
  return step;
}

}  // namespace

TEST_CASE("adamw: kernels and composed forms agree on whole ranges") {
  const auto step = [](const Tensors& in) -> Tensors {
    ops::adamw({in[0], in[1], in[2], in[3]}, ops::corrected(numbers(), 5), in[4]);
    return {in[0], in[2], in[3]};
  };
  for (const at::ScalarType type : {at::kFloat, at::kDouble})
    for (const std::int64_t count : {0, 1, 7, 100, 20000}) check_forms(step, operands({count}, type));
}

TEST_CASE("adamw: the bfloat16 copy has the rounded new values, whatever form made it") {
  for (const std::int64_t count : {1, 100, 3000}) {
    Tensors in = operands({count}, at::kFloat);
    in.push_back(at::zeros({count}, at::kBFloat16));
    const auto step = [](const Tensors& t) -> Tensors {
      ops::adamw({t[0], t[1], t[2], t[3], t[5]}, ops::corrected(numbers(), 5), t[4]);
      return {t[0], t[5]};
    };
    check_forms(step, in);
    for (const bool by_row : {true, false}) {
      Tensors matrix = operands({4, 6}, at::kFloat);
      matrix.push_back(at::zeros({4, 6}, at::kBFloat16));
      const std::vector<std::int64_t> updates =
          by_row ? std::vector<std::int64_t>{1, 2, 3, 4} : std::vector<std::int64_t>{1, 2, 3, 4, 5, 6};
      check_forms(
          [&](const Tensors& t) -> Tensors {
            (by_row ? ops::adamw_by_row : ops::adamw_by_column)({t[0], t[1], t[2], t[3], t[5]}, updates, numbers(), t[4]);
            return {t[0], t[5]};
          },
          matrix);
    }
  }
}

TEST_CASE("adamw: kernels and composed forms agree on rows and columns with updates of their own") {
  for (const bool by_row : {true, false}) {
    for (const at::ScalarType type : {at::kFloat, at::kDouble}) {
      for (const std::int64_t rows : {1, 6, 300}) {
        for (const std::int64_t columns : {1, 9, 64}) {
          INFO("by row " << by_row << " rows " << rows << " columns " << columns);
          std::vector<std::int64_t> updates;
          for (std::int64_t i = 0; i < (by_row ? rows : columns); ++i) updates.push_back(1 + i * i % 5);
          const auto step = [&](const Tensors& in) -> Tensors {
            (by_row ? ops::adamw_by_row : ops::adamw_by_column)({in[0], in[1], in[2], in[3]}, updates, numbers(), in[4]);
            return {in[0], in[2], in[3]};
          };
          check_forms(step, operands({rows, columns}, type));
        }
      }
    }
  }
  const Tensors in = operands({2, 3}, at::kFloat);
  CHECK_THROWS_AS(ops::adamw_by_row({in[0], in[1], in[2], in[3]}, {1, 2, 3}, numbers(), update_by(1.0)), c10::Error);
  CHECK_THROWS_AS(ops::adamw_by_column({in[0], in[1], in[2], in[3]}, {1, 2}, numbers(), update_by(1.0)), c10::Error);
}

TEST_CASE("adamw: told to change nothing it leaves every bit, even where a gradient is not finite") {
  for (const at::ScalarType type : {at::kFloat, at::kDouble}) {
    for (const int form : {0, 1, 2}) {
      const auto step = [&](const Tensors& in) -> Tensors {
        const ops::AdamwOperands p{in[0], in[1], in[2], in[3]};
        if (form == 0) ops::adamw({in[0].view({-1}), in[1].view({-1}), in[2].view({-1}), in[3].view({-1})}, numbers(), in[4]);
        if (form == 1) ops::adamw_by_row(p, {1, 2, 3}, numbers(), in[4]);
        if (form == 2) ops::adamw_by_column(p, {1, 2, 3, 4}, numbers(), in[4]);
        return {in[0], in[2], in[3]};
      };
      Tensors in = operands({3, 4}, type);
      in[1].view({-1})[5] = std::numeric_limits<double>::quiet_NaN();
      in[4] = update_by(std::numeric_limits<double>::quiet_NaN(), false);
      check_forms(step, in);
      const Tensors after = step(for_each(in, [](const at::Tensor& tensor) { return tensor.clone(); }));
      CHECK(same_bits(after[0], in[0]));
      CHECK(same_bits(after[1], in[2]));
      CHECK(same_bits(after[2], in[3]));
    }
  }
}
