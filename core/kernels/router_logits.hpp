// The router's matrix product, with one promise that a matrix library does not give: every dot product is added up in one
// fixed order that depends on D only. So equal rows of w give bit-equal logits wherever they stand, and the logits of a token do
// not depend on the other tokens computed with it, on N, on E or on the number of threads. No choice of experts can change because a sum
// was rounded in another order.
#pragma once

#include <cstdint>

#include "core/kernels/bfloat16.hpp"

namespace sluice::kernels {

/// Writes out [N, E] = x [N, D] times w [E, D] transposed, for N tokens of width D and E experts, computed in A = AccumulateOf<T>.
/// T: float, double, BFloat16.
template <class T>
void router_logits(const T* x, const AccumulateOf<T>* w, std::int64_t N, std::int64_t E, std::int64_t D, AccumulateOf<T>* out);

namespace reference {

template <class T>
void router_logits(const T* x, const AccumulateOf<T>* w, std::int64_t N, std::int64_t E, std::int64_t D, AccumulateOf<T>* out);

}  // namespace reference
}  // namespace sluice::kernels
