// Sums and checks over n elements. The work is cut into blocks that depend on n only, so the results have the same bits for any number of
// threads. A: float or double.
#pragma once

#include <cstdint>

namespace sluice::kernels {

/// Returns the sum of x[i]^2, with squares and sums in double. It is infinite or NaN if an element is.
template <class A>
double sum_of_squares(const A* x, std::int64_t n);

/// Whether no element is NaN or an infinity.
template <class A>
bool all_finite(const A* x, std::int64_t n);

namespace reference {

template <class A>
double sum_of_squares(const A* x, std::int64_t n);
template <class A>
bool all_finite(const A* x, std::int64_t n);

}  // namespace reference
}  // namespace sluice::kernels
