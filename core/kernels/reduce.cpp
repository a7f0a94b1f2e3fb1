#include "core/kernels/reduce.hpp"

#include <algorithm>
#include <type_traits>
#include <vector>

#include "core/kernels/parallel_blocks.hpp"
#define SLUICE_ISA_BODY "core/kernels/reduce.inc"
#include "core/kernels/simd/for_each_isa.inc"

namespace sluice::kernels {

template <class A>
double sum_of_squares(const A* x, std::int64_t n) {
  const auto block = SLUICE_FOR_THIS_CPU(sum_of_squares_block<A>);
  std::vector<double> partial(static_cast<std::size_t>(ceil_div(n, kBlockElements)));
  parallel_blocks(n, kBlockElements,
                  [&](std::int64_t begin, std::int64_t end) { partial[begin / kBlockElements] = block(x + begin, end - begin); });
  double sum = 0;
  for (const double value : partial) sum += value;
  return sum;
}

template <class A>
bool all_finite(const A* x, std::int64_t n) {
  const auto block = SLUICE_FOR_THIS_CPU(any_non_finite<A>);
  std::vector<char> found(static_cast<std::size_t>(ceil_div(n, kBlockElements)));
  parallel_blocks(n, kBlockElements,
                  [&](std::int64_t begin, std::int64_t end) { found[begin / kBlockElements] = block(x + begin, end - begin); });
  return std::find(found.begin(), found.end(), 1) == found.end();
}

namespace reference {

template <class A>
double sum_of_squares(const A* x, std::int64_t n) {
  long double sum = 0;
  for (std::int64_t i = 0; i < n; ++i) sum += static_cast<long double>(x[i]) * x[i];
  return static_cast<double>(sum);
}

template <class A>
bool all_finite(const A* x, std::int64_t n) {
  return std::all_of(x, x + n, [](A value) { return std::isfinite(value); });
}

}  // namespace reference

#define SLUICE_INSTANTIATE(A)                                        \
  template double sum_of_squares(const A*, std::int64_t);            \
  template bool all_finite(const A*, std::int64_t);                  \
  template double reference::sum_of_squares(const A*, std::int64_t); \
  template bool reference::all_finite(const A*, std::int64_t);
SLUICE_INSTANTIATE(float)
SLUICE_INSTANTIATE(double)
#undef SLUICE_INSTANTIATE

}  // namespace sluice::kernels
