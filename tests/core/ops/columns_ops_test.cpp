// Both forms of core/ops/columns.
#include "core/ops/columns.hpp"

#include "tests/core/ops/forms.hpp"

using namespace sluice;
using namespace sluice::testing;

TEST_CASE("pick_columns and place_columns: forms agree, and each is the other's gradient") {
  for (const at::ScalarType type : {at::kFloat, at::kDouble}) {
    for (const std::int64_t rows : {0, 1, 300}) {
      for (const std::int64_t columns : {1, 7, 300}) {
        for (const std::int64_t k : {1, 2, 5}) {
          INFO("rows " << rows << " columns " << columns << " k " << k);
          const at::Tensor values = normal({rows, columns}, type, "values"), chosen = normal({rows, k}, type, "chosen");
          // With one column, and often with seven, a column is chosen more than once.
          const at::Tensor index = integers({rows, k}, 0, columns, "index");
          check_forms([](const Tensors& in) { return Tensors{ops::pick_columns(in[0], in[1])}; }, {values, index});
          check_forms([&](const Tensors& in) { return Tensors{ops::place_columns(in[0], in[1], columns)}; }, {chosen, index});
          const double picked = (ops::pick_columns(values, index) * chosen).sum().item<double>();
          CHECK((ops::place_columns(chosen, index, columns) * values).sum().item<double>() == Approx(picked).epsilon(1e-4).margin(1e-4));
        }
      }
    }
  }
}

TEST_CASE("place_columns takes NaN and infinities to their columns alone") {
  const at::Tensor values = at::tensor({kNaN, 1.0, kInfinity, 2.0}, at::kDouble).view({2, 2});
  const at::Tensor index = at::tensor({2, 0, 1, 2}, at::kLong).view({2, 2});
  check_forms([](const Tensors& in) { return Tensors{ops::place_columns(in[0], in[1], 4)}; }, {values, index});
  CHECK(ops::place_columns(values, index, 4).isfinite().sum().item<std::int64_t>() == 6);
}
