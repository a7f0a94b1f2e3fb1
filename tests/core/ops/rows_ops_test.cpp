// Both forms of core/ops/rows: to the last bit, for nothing is left to a form but the order, which is given.
#include "core/ops/rows.hpp"

#include "tests/core/ops/forms.hpp"

using namespace sluice;
using namespace sluice::testing;

namespace {

Tensors gather(const Tensors& in) { return {ops::gather_rows(in[0], in[1])}; }

Tensors combine(const Tensors& in) { return {ops::combine_rows(in[0], in[1])}; }

void check_bits(const Operation& operation, const Tensors& operands) {
  check_forms(operation, operands);
  const Composed off(false);
  const at::Tensor kernels = operation(operands)[0];
  const Composed on;
  CHECK(at::equal(kernels.nan_to_num(1234.0), operation(operands)[0].nan_to_num(1234.0)));
}

}  // namespace

TEST_CASE("gather_rows: kernels and composed forms agree, a negative index gives zeros") {
  for_each_type([](at::ScalarType type, at::ScalarType) {
    for (const std::int64_t width : {1, 7, 64})
      for (const std::int64_t rows : {0, 1, 9, 900})
        check_bits(gather, {normal({20, width}, type, "x"), integers({rows}, -2, 22, "index")});
    check_bits(gather, {normal({20, 300}, type, "x"), integers({9}, -2, 22, "index")});  // wider than a device's block
    at::Tensor x = normal({3, 5}, type, "x");
    x[0].fill_(kNaN);  // what a negative index must not show
    check_bits(gather, {x, at::tensor({-1, 1, 2, -5}, at::kLong)});
    check_bits(gather, {at::empty({0, 5}, type), at::tensor({-1, -1}, at::kLong)});
  });
}

TEST_CASE("combine_rows: kernels and composed forms agree, negative slots are skipped") {
  for_each_type([](at::ScalarType type, at::ScalarType) {
    for (const std::int64_t width : {1, 7, 64}) {
      for (const std::int64_t k : {1, 2, 5}) {
        for (const std::int64_t tokens : {0, 1, 9, 500}) {
          INFO("width " << width << " k " << k << " tokens " << tokens);
          check_bits(combine, {normal({30, width}, type, "rows"), integers({tokens, k}, -3, 33, "slots")});
        }
      }
    }
    check_bits(combine, {normal({30, 300}, type, "rows"), integers({9, 2}, -3, 33, "slots")});  // wider than a device's block
    at::Tensor rows = normal({3, 5}, type, "rows");
    rows[0].fill_(kNaN);
    check_bits(combine, {rows, at::tensor({-1, 1, 2, -1, -1, -1, 0, 1}, at::kLong).view({4, 2})});
    check_bits(combine, {at::empty({0, 5}, type), at::tensor({-1, -1}, at::kLong).view({1, 2})});
  });
}
