#include <limits>
#include <utility>

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
  CHECK(all_finite(x.data(), n));
  CHECK(reference::all_finite(x.data(), n));
  for (const A bad : {std::numeric_limits<A>::quiet_NaN(), -std::numeric_limits<A>::infinity()}) {
    for (const std::int64_t at : {n - 1, n / 2, std::int64_t{0}}) {
      if (n == 0) continue;
      const A kept = std::exchange(x[at], bad);
      CHECK_FALSE(all_finite(x.data(), n));
      CHECK_FALSE(reference::all_finite(x.data(), n));
      CHECK_FALSE(std::isfinite(sum_of_squares(x.data(), n)));
      CHECK(all_finite(x.data(), at));  // nothing beyond n counts
      const A last = std::exchange(x[n - 1], bad);
      CHECK_FALSE(all_finite(x.data(), n));
      x[n - 1] = last;
      x[at] = kept;
    }
  }
}

}  // namespace

TEST_CASE("reductions equal their references") {
  for_each_instruction_set([] {
    for (const std::int64_t n : {0, 1, 3, 31, 16384, 50001}) {
      compare_reductions<float>(n);
      compare_reductions<double>(n);
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
  auto bad = x;
  bad[n - 1] = std::numeric_limits<float>::infinity();
  check_threads_do_not_matter([&] {
    return std::vector<double>{sum_of_squares(x.data(), n), all_finite(x.data(), n) ? 1.0 : 0.0, all_finite(bad.data(), n) ? 1.0 : 0.0};
  });
}
