#include <limits>

#include "core/kernels/cross_entropy.hpp"
#include "core/kernels/top_k.hpp"
#include "tests/core/kernels/kernel_testing.hpp"

using namespace sluice::kernels;
using namespace sluice::kernels::testing;

namespace {

double ulp(float value) { return std::nextafter(std::abs(value), std::numeric_limits<float>::infinity()) - std::abs(value); }
double ulp(double value) { return std::nextafter(std::abs(value), std::numeric_limits<double>::infinity()) - std::abs(value); }

// The gradient of the cross-entropy of logits {0, x} with target 0 is, for the second, exp(x) times the inverse of 1 + exp(x): for a large
// negative x this is exp(x) itself, so the vectorised exp is seen through a public door. Returns the largest error in units of the last
// place.
template <class A>
double worst_error_of_exp(double from, double to, int count) {
  double worst = 0;
  for (int i = 0; i < count; ++i) {
    const A x = static_cast<A>(from + (to - from) * i / count);
    const A scale = 1;
    const std::int64_t target = 0;
    A p[] = {A(0), x}, nll;
    cross_entropy(p, &target, 1, 2, &nll, &scale);
    const long double e = std::exp(static_cast<long double>(x));
    const long double exact = e / (1 + e);
    worst = std::max(worst, static_cast<double>(std::abs(static_cast<long double>(p[1]) - exact)) / ulp(static_cast<A>(exact)));
  }
  return worst;
}

}  // namespace

TEST_CASE("exp is within 2 units in the last place") {
  for_each_instruction_set([] {
    // Of exp and of the roundings of the sum, its inverse and the product together.
    CHECK(worst_error_of_exp<float>(-87, 0, 50000) <= 3.0);
    CHECK(worst_error_of_exp<float>(-87.6, -17, 50000) <= 2.0);  // here the sum is 1
    CHECK(worst_error_of_exp<double>(-708, 0, 50000) <= 3.0);
    CHECK(worst_error_of_exp<double>(-708.7, -38, 50000) <= 2.0);
  });
}

template <class A>
void check_ends() {
  const A infinity = std::numeric_limits<A>::infinity(), nan = std::numeric_limits<A>::quiet_NaN();
  const A x[] = {-infinity, A(-1e30), A(-800), A(0), A(800), A(1e30), infinity, nan, -nan};
  A y[9];
  row_sigmoid(x, 1, 9, y);
  for (const int i : {0, 1, 2}) CHECK(y[i] == 0);
  CHECK(y[3] == A(0.5));
  for (const int i : {4, 5, 6}) CHECK(y[i] == 1);
  for (const int i : {7, 8}) CHECK(std::isnan(y[i]));
  A masked[] = {A(0), -infinity, A(-800), A(-800)}, nll;
  const A scale = 1;
  const std::int64_t target = 3;
  cross_entropy(masked, &target, 1, 4, &nll, &scale);
  CHECK(masked[0] == 1);
  CHECK(masked[1] == 0);
  CHECK(masked[2] == 0);
}

TEST_CASE("exp is 0 and infinity at the ends, and keeps NaN") {
  for_each_instruction_set([] {
    check_ends<float>();
    check_ends<double>();
  });
}
