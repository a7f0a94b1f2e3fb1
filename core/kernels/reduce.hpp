// Sums, checks and in-place arithmetic over n elements. The work is cut into blocks that depend on n only, so the results have the same
// bits for any number of threads. A: float or double.
#pragma once

#include <cstdint>

#include "core/kernels/bfloat16.hpp"

namespace sluice::kernels {

/// Returns the sum of x[i]^2, with squares and sums in double. It is infinite or NaN if an element is.
template <class A>
double sum_of_squares(const A* x, std::int64_t n);

/// Returns the index of the first NaN or infinity, or -1 if there is none.
template <class A>
std::int64_t first_non_finite(const A* x, std::int64_t n);

template <class A>
bool all_finite(const A* x, std::int64_t n) {
  return first_non_finite(x, n) < 0;
}

/// x[i] *= s, with s rounded to A first.
template <class A>
void scale(A* x, std::int64_t n, double s);

/// into[i] += from[i]. T: float, double, BFloat16.
template <class T>
void add(AccumulateOf<T>* into, const T* from, std::int64_t n);

namespace reference {

template <class A>
double sum_of_squares(const A* x, std::int64_t n);
template <class A>
std::int64_t first_non_finite(const A* x, std::int64_t n);
template <class A>
void scale(A* x, std::int64_t n, double s);
template <class T>
void add(AccumulateOf<T>* into, const T* from, std::int64_t n);

}  // namespace reference
}  // namespace sluice::kernels
