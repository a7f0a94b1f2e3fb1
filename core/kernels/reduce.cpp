#include "core/kernels/reduce.hpp"

#include <type_traits>
#include <vector>

#include "core/kernels/parallel_blocks.hpp"
#define SLUICE_ISA_BODY "core/kernels/reduce.inc"
#include "core/kernels/simd/for_each_isa.inc"

namespace sluice::kernels {

template <class A>
double sum_of_squares(const A* x, std::int64_t n) {
  const auto block = SLUICE_FOR_THIS_CPU(sum_of_squares_block<A>);
  std::vector<double> partial(static_cast<std::size_t>((n + kBlockElements - 1) / kBlockElements));
  parallel_blocks(n, kBlockElements,
                  [&](std::int64_t begin, std::int64_t end) { partial[begin / kBlockElements] = block(x + begin, end - begin); });
  double sum = 0;
  for (const double value : partial) sum += value;
  return sum;
}

template <class A>
std::int64_t first_non_finite(const A* x, std::int64_t n) {
  const auto block = SLUICE_FOR_THIS_CPU(any_non_finite<A>);
  std::vector<char> found(static_cast<std::size_t>((n + kBlockElements - 1) / kBlockElements));
  parallel_blocks(n, kBlockElements,
                  [&](std::int64_t begin, std::int64_t end) { found[begin / kBlockElements] = block(x + begin, end - begin); });
  const auto first = std::find(found.begin(), found.end(), 1);
  if (first == found.end()) return -1;
  std::int64_t i = (first - found.begin()) * kBlockElements;
  while (std::isfinite(x[i])) ++i;
  return i;
}

template <class A>
void scale(A* x, std::int64_t n, double s) {
  const auto block = SLUICE_FOR_THIS_CPU(scale_block<A>);
  parallel_blocks(n, kBlockElements, [&](std::int64_t begin, std::int64_t end) { block(x + begin, end - begin, static_cast<A>(s)); });
}

template <class T>
void add(AccumulateOf<T>* into, const T* from, std::int64_t n) {
  const auto block = SLUICE_FOR_THIS_CPU(add_block<T>);
  parallel_blocks(n, kBlockElements, [&](std::int64_t begin, std::int64_t end) { block(into + begin, from + begin, end - begin); });
}

namespace reference {

template <class A>
double sum_of_squares(const A* x, std::int64_t n) {
  long double sum = 0;
  for (std::int64_t i = 0; i < n; ++i) sum += static_cast<long double>(x[i]) * x[i];
  return static_cast<double>(sum);
}

template <class A>
std::int64_t first_non_finite(const A* x, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) {
    if (!std::isfinite(x[i])) return i;
  }
  return -1;
}

template <class A>
void scale(A* x, std::int64_t n, double s) {
  for (std::int64_t i = 0; i < n; ++i) x[i] = static_cast<A>(x[i] * static_cast<A>(s));
}

template <class T>
void add(AccumulateOf<T>* into, const T* from, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) into[i] += widen(from[i]);
}

}  // namespace reference

#define SLUICE_INSTANTIATE(A)                                                \
  template double sum_of_squares(const A*, std::int64_t);                    \
  template std::int64_t first_non_finite(const A*, std::int64_t);            \
  template void scale(A*, std::int64_t, double);                             \
  template double reference::sum_of_squares(const A*, std::int64_t);         \
  template std::int64_t reference::first_non_finite(const A*, std::int64_t); \
  template void reference::scale(A*, std::int64_t, double);
SLUICE_INSTANTIATE(float)
SLUICE_INSTANTIATE(double)
#undef SLUICE_INSTANTIATE
#define SLUICE_INSTANTIATE(T)                                     \
  template void add<T>(AccumulateOf<T>*, const T*, std::int64_t); \
  template void reference::add<T>(AccumulateOf<T>*, const T*, std::int64_t);
SLUICE_INSTANTIATE(float)
SLUICE_INSTANTIATE(double)
SLUICE_INSTANTIATE(BFloat16)
#undef SLUICE_INSTANTIATE

}  // namespace sluice::kernels
