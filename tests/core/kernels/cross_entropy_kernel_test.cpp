#include <algorithm>
#include <limits>
#include <utility>

#include "core/base/error.hpp"
#include "core/kernels/cross_entropy.hpp"
#include "tests/core/kernels/kernel_testing.hpp"

using namespace sluice::kernels;
using namespace sluice::kernels::testing;

namespace {

template <class T>
void compare_with_reference(std::int64_t rows, std::int64_t V, double spread) {
  using A = AccumulateOf<T>;
  INFO("rows " << rows << " V " << V << " spread " << spread << " element size " << sizeof(T));
  const auto logits = random_values<T>(rows * V, "logits", spread);
  std::vector<std::int64_t> targets(rows);
  for (std::int64_t i = 0; i < rows; ++i) targets[i] = i % 5 == 4 ? -1 : (i * 31 + V / 2) % V;
  const auto scale = random_values<A>(rows, "scale");
  std::vector<A> nll(rows), nll_expected(rows);
  auto kept = logits, gradient = logits, gradient_expected = logits;

  reference::cross_entropy<T>(gradient_expected.data(), targets.data(), rows, V, nll_expected.data(), scale.data());
  cross_entropy<T>(kept.data(), targets.data(), rows, V, nll.data(), nullptr);
  CHECK(same_bits(kept, logits));
  check_close(nll, nll_expected, kTolerance<A>);
  cross_entropy<T>(gradient.data(), targets.data(), rows, V, nll.data(), scale.data());
  check_close(nll, nll_expected, kTolerance<A>);
  // At the target, p - 1 is as exact as 1 is; elsewhere even a tiny p is exact, up to the rounding of its exponent.
  std::vector<T> at_target, at_target_expected;
  for (std::int64_t i = 0; i < rows; ++i) {
    if (targets[i] < 0) continue;
    at_target.push_back(std::exchange(gradient[i * V + targets[i]], T{}));
    at_target_expected.push_back(std::exchange(gradient_expected[i * V + targets[i]], T{}));
  }
  check_close(at_target, at_target_expected, kTolerance<T>);
  check_close(gradient, gradient_expected, kTolerance<T> * (1 + spread), 1e-12);
}

}  // namespace

TEST_CASE("cross_entropy equals its reference") {
  for_each_instruction_set([] {
    for (const std::int64_t rows : {0, 1, 3, 20}) {
      for (const std::int64_t V : {1, 2, 15, 16, 37, 1000, 5003}) {
        for (const double spread : {1.0, 10.0}) {
          compare_with_reference<float>(rows, V, spread);
          compare_with_reference<double>(rows, V, spread);
          compare_with_reference<BFloat16>(rows, V, spread);
        }
      }
    }
  });
}

TEST_CASE("cross_entropy gradients equal finite differences and sum to zero") {
  const std::int64_t rows = 3, V = 21;
  auto logits = random_values<double>(rows * V, "logits", 2);
  const std::vector<std::int64_t> targets = {0, 20, 7};
  const std::vector<double> scale = {1.0, 0.25, -3.0};
  std::vector<double> nll(rows);
  const auto loss = [&] {
    auto copy = logits;
    cross_entropy<double>(copy.data(), targets.data(), rows, V, nll.data(), nullptr);
    return dot(nll, scale);
  };
  const auto expected = finite_differences(logits, loss);
  cross_entropy<double>(logits.data(), targets.data(), rows, V, nll.data(), scale.data());
  check_close(logits, expected, 1e-8);
  for (std::int64_t r = 0; r < rows; ++r) {
    double sum = 0;
    for (std::int64_t i = 0; i < V; ++i) sum += logits[r * V + i];
    CHECK(std::abs(sum) < 1e-14);
  }
}

template <class T>
void check_extreme_logits() {
  using A = AccumulateOf<T>;
  const std::int64_t V = 19;
  const auto row = [&](double filler, double first) {
    std::vector<T> logits(V);
    for (auto& v : logits) narrow(filler, v);
    narrow(first, logits[0]);
    return logits;
  };
  const A scale = 1;
  A nll = -1;
  std::int64_t target = 0;

  auto logits = row(-1e4, 1e4);
  cross_entropy<T>(logits.data(), &target, 1, V, &nll, &scale);
  CHECK(nll == 0);
  for (const T v : logits) CHECK(widen(v) == 0);

  logits = row(-1e4, 1e4);
  target = 18;
  cross_entropy<T>(logits.data(), &target, 1, V, &nll, &scale);
  CHECK(static_cast<double>(nll) == Approx(20000).epsilon(sizeof(T) == 2 ? 0.01 : 1e-6));
  CHECK(widen(logits[0]) == 1);
  CHECK(widen(logits[1]) == 0);
  CHECK(widen(logits[18]) == -1);

  logits = row(1e4, 1e4);
  cross_entropy<T>(logits.data(), &target, 1, V, &nll, nullptr);
  CHECK(static_cast<double>(nll) == Approx(std::log(19.0)).epsilon(1e-6));

  logits = row(-std::numeric_limits<double>::infinity(), 2);  // masked out but one
  target = 0;
  cross_entropy<T>(logits.data(), &target, 1, V, &nll, &scale);
  CHECK(nll == 0);
  for (const T v : logits) CHECK(widen(v) == 0);

  logits = row(0, std::numeric_limits<double>::quiet_NaN());
  target = 3;
  cross_entropy<T>(logits.data(), &target, 1, V, &nll, nullptr);
  CHECK(std::isnan(nll));
}

TEST_CASE("cross_entropy survives extreme logits") {
  for_each_instruction_set([] {
    check_extreme_logits<float>();
    check_extreme_logits<double>();
    check_extreme_logits<BFloat16>();
  });
}

TEST_CASE("equal logits get bit-equal gradients, wherever they stand") {
  for_each_instruction_set([] {
    for (const std::int64_t V : {3, 16, 20, 37, 130}) {
      for (const float value : random_values<float>(50, "values", 3)) {
        std::vector<float> logits(V, value);
        logits[0] = value + 2;
        const std::int64_t target = 0;
        const float scale = 1;
        float nll;
        cross_entropy<float>(logits.data(), &target, 1, V, &nll, &scale);
        CHECK(std::count(logits.begin() + 1, logits.end(), logits[1]) == V - 1);
      }
    }
  });
}

TEST_CASE("cross_entropy: a negative target counts nothing, one beyond the vocabulary is refused") {
  const std::int64_t V = 17;
  auto logits = random_values<float>(2 * V, "logits");
  logits[3] = std::numeric_limits<float>::quiet_NaN();  // in the row that does not count
  const std::vector<std::int64_t> targets = {-100, 4};
  const std::vector<float> scale = {1, 1};
  std::vector<float> nll(2, 7);
  cross_entropy<float>(logits.data(), targets.data(), 2, V, nll.data(), scale.data());
  CHECK(nll[0] == 0);
  for (std::int64_t i = 0; i < V; ++i) CHECK(logits[i] == 0);
  CHECK(nll[1] > 0);
  const std::vector<std::int64_t> beyond = {0, V};
  CHECK_THROWS_AS(cross_entropy<float>(logits.data(), beyond.data(), 2, V, nll.data(), nullptr), sluice::Error);
}

TEST_CASE("cross_entropy does not depend on threads") {
  const std::int64_t rows = 50, V = 4097;
  const auto logits = random_values<float>(rows * V, "logits", 4);
  std::vector<std::int64_t> targets(rows, 11);
  const auto scale = random_values<float>(rows, "scale");
  check_threads_do_not_matter([&] {
    auto all = logits;
    std::vector<float> nll(rows);
    cross_entropy<float>(all.data(), targets.data(), rows, V, nll.data(), scale.data());
    append(all, nll);
    return all;
  });
}
