// Both forms of core/ops/reduce.
#include "core/ops/reduce.hpp"

#include "tests/core/ops/forms.hpp"

using namespace sluice;
using namespace sluice::testing;

namespace {

Tensors both(const Tensors& in) { return {ops::square_sum(in[0]), ops::finite(in[0])}; }

}  // namespace

TEST_CASE("sums of squares and checks: kernels and composed forms agree") {
  for (const at::ScalarType type : {at::kFloat, at::kDouble}) {
    for (const std::int64_t count : {0, 1, 7, 16385, 100000}) {
      INFO("count " << count);
      check_forms(both, {normal({count}, type, "values")});
      if (count == 0) continue;
      for (const double bad : {kNaN, kInfinity, -kInfinity}) {
        for (const std::int64_t place : {std::int64_t{0}, count / 2, count - 1}) {
          at::Tensor values = normal({count}, type, "values");
          values[place] = bad;
          check_forms(both, {values});
          CHECK(!ops::all_finite(values));
        }
      }
    }
    // More parts than a device's block has threads.
    const at::Tensor many = at::full({256 * 16384 + 3}, 0.5, type);
    many[256 * 16384 + 1] = 4096.0;
    check_forms(both, {many});
    check_forms(both, {normal({3, 4, 5}, type, "values")});
    // Squares that the type itself does not hold.
    check_forms(both, {at::full({1000}, type == at::kFloat ? 1e30 : 1e150, type)});
    CHECK(ops::sum_of_squares(at::tensor({3.0, 4.0}, type)) == 25.0);
    CHECK(ops::all_finite(at::tensor({3.0, 4.0}, type)));
    CHECK(ops::sum_of_squares(at::empty({0}, type)) == 0.0);
    CHECK(ops::all_finite(at::empty({0}, type)));
  }
}

TEST_CASE("a composed sum of squares goes piece by piece through many values") {
  const at::Tensor values = at::full({(std::int64_t{1} << 22) + 5}, 0.5, at::kFloat);
  const Composed on;
  CHECK(ops::sum_of_squares(values) == 0.25 * static_cast<double>(values.numel()));
}
