// What kernel tests share: reproducible inputs, comparison with a reference, every instruction set, several thread counts.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "core/base/random.hpp"
#include "core/kernels/bfloat16.hpp"
#include "core/kernels/simd/instruction_set.hpp"
#include "tests/support/catch.hpp"

extern "C" void omp_set_num_threads(int);
extern "C" int omp_get_max_threads();

namespace sluice::kernels::testing {

/// Roughly normal values (sums of four uniform ones) of variance scale^2, rounded to T; the same for the same purpose.
template <class T>
std::vector<T> random_values(std::int64_t n, const std::string& purpose, double scale = 1) {
  std::vector<T> values(static_cast<std::size_t>(n));
  std::uint64_t state = random_key(3, purpose);
  for (T& value : values) {
    std::uint64_t z = state += 0x9e3779b97f4a7c15u;  // splitmix64: much cheaper than counter-based normals
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    z ^= z >> 31;
    const double sum = static_cast<double>((z & 0xffff) + (z >> 16 & 0xffff) + (z >> 32 & 0xffff) + (z >> 48)) / 65536.0;
    narrow(scale * 1.7320508 * (sum - 2.0), value);
  }
  return values;
}

/// How far one rounding to T and a sum of some hundred terms in AccumulateOf<T> may be from exact, relatively.
template <class T>
constexpr double kTolerance = 0;
template <>
inline constexpr double kTolerance<double> = 1e-13;
template <>
inline constexpr double kTolerance<float> = 4e-6;
template <>
inline constexpr double kTolerance<BFloat16> = 1.0 / 128;  // one unit in the last place: a tie seen from the other side

/// Every |got - expected| <= tolerance * (|expected| + floor); equal infinities and pairs of NaN count as equal.
template <class T>
void check_close(const std::vector<T>& got, const std::vector<T>& expected, double tolerance, double floor = 1) {
  REQUIRE(got.size() == expected.size());
  double worst = 0;
  std::size_t at = 0;
  for (std::size_t i = 0; i < got.size(); ++i) {
    const double a = widen(got[i]), b = widen(expected[i]);
    if (a == b || (std::isnan(a) && std::isnan(b))) continue;
    double error = std::abs(a - b) / (std::abs(b) + floor);
    if (!(error < 1e300)) error = 1e300;
    if (error > worst) {
      worst = error;
      at = i;
    }
  }
  if (worst > 0) {
    INFO("element " << at << " is " << widen(got[at]) << ", expected " << widen(expected[at]));
    CHECK(worst <= tolerance);
  } else {
    CHECK(worst <= tolerance);
  }
}

template <class T>
bool same_bits(const std::vector<T>& a, const std::vector<T>& b) {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0);
}

/// Calls check() under every instruction set that this processor has.
template <class Check>
void for_each_instruction_set(const Check& check) {
  struct Restore {
    ~Restore() { limit_instruction_set(best_instruction_set()); }
  } restore;
  for (const InstructionSet set : {InstructionSet::kBaseline, InstructionSet::kAvx2, InstructionSet::kAvx512}) {
    if (set > best_instruction_set()) continue;
    limit_instruction_set(set);
    INFO("instruction set " << static_cast<int>(set));
    check();
  }
}

/// run() returns a vector of numbers; it must be the same, bit for bit, with 1, 2 and 3 threads.
template <class Run>
void check_threads_do_not_matter(const Run& run) {
  const int before = omp_get_max_threads();
  omp_set_num_threads(1);
  const auto one = run();
  omp_set_num_threads(2);
  const auto two = run();
  omp_set_num_threads(3);
  const auto three = run();
  omp_set_num_threads(before);
  CHECK(same_bits(one, two));
  CHECK(same_bits(one, three));
}

template <class T>
void append(std::vector<T>& all, const std::vector<T>& more) {
  all.insert(all.end(), more.begin(), more.end());
}

/// The gradient of loss() by x[i], by central differences. For double.
template <class Loss>
std::vector<double> finite_differences(std::vector<double>& x, const Loss& loss, double step = 1e-5) {
  std::vector<double> gradient(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double kept = x[i];
    x[i] = kept + step;
    const double above = loss();
    x[i] = kept - step;
    const double below = loss();
    x[i] = kept;
    gradient[i] = (above - below) / (2 * step);
  }
  return gradient;
}

inline double dot(const std::vector<double>& a, const std::vector<double>& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

}  // namespace sluice::kernels::testing
