#include <limits>

#include "core/kernels/reduce.hpp"
#include "tests/core/kernels/kernel_testing.hpp"

using namespace sluice::kernels;
using namespace sluice::kernels::testing;

namespace {

template <class A>
void compare_reductions(std::int64_t n) {
  INFO("n " << n << " element size " << sizeof(A));
  auto x = random_values<A>(n, "x");
  CHECK(sum_of_squares(x.data(), n) == Approx(reference::sum_of_squares(x.data(), n)).epsilon(1e-13));
  CHECK(first_non_finite(x.data(), n) == -1);
  CHECK(all_finite(x.data(), n));
  for (const A bad : {std::numeric_limits<A>::quiet_NaN(), -std::numeric_limits<A>::infinity()}) {
    for (const std::int64_t at : {n - 1, n / 2, std::int64_t{0}}) {  // each before the last one
      if (n == 0) continue;
      const A kept = x[at];
      x[at] = bad;
      CHECK(first_non_finite(x.data(), n) == at);
      CHECK_FALSE(all_finite(x.data(), n));
      CHECK_FALSE(std::isfinite(sum_of_squares(x.data(), n)));
      if (at != n - 1) x[n - 1] = bad;
      CHECK(first_non_finite(x.data(), n) == at);
      x = random_values<A>(n, "x");
      CHECK(x[at] == kept);
    }
  }
  auto scaled = x, scaled_expected = x;
  scale(scaled.data(), n, 0.3);
  reference::scale(scaled_expected.data(), n, 0.3);
  CHECK(same_bits(scaled, scaled_expected));
}

template <class T>
void compare_add(std::int64_t n) {
  const auto from = random_values<T>(n, "from");
  auto into = random_values<AccumulateOf<T>>(n, "into");
  auto expected = into;
  add<T>(into.data(), from.data(), n);
  reference::add<T>(expected.data(), from.data(), n);
  CHECK(same_bits(into, expected));
}

}  // namespace

TEST_CASE("reductions equal their references") {
  for_each_instruction_set([] {
    for (const std::int64_t n : {0, 1, 3, 31, 16384, 50001}) {
      compare_reductions<float>(n);
      compare_reductions<double>(n);
      compare_add<float>(n);
      compare_add<double>(n);
      compare_add<BFloat16>(n);
    }
  });
}

TEST_CASE("sum_of_squares does not overflow where the sum fits a double") {
  const std::vector<float> x(20, 3e38f);
  CHECK(sum_of_squares(x.data(), 20) == Approx(20 * 9e76));
  const std::vector<float> tiny(20, 1e-38f);
  CHECK(sum_of_squares(tiny.data(), 20) == Approx(20 * 1e-76));
}

TEST_CASE("reductions do not depend on threads") {
  const std::int64_t n = 200003;
  const auto x = random_values<float>(n, "x");
  check_threads_do_not_matter([&] { return std::vector<double>{sum_of_squares(x.data(), n)}; });
  check_threads_do_not_matter([&] {
    auto y = x;
    scale(y.data(), n, 1.7);
    add<float>(y.data(), x.data(), n);
    return y;
  });
}
