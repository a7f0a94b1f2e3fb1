// The router's matrix product, with one promise that a matrix library does not give: every dot product is added up in one
// fixed order that depends on D only. So equal rows of w give bit-equal logits wherever they stand, and a token's logits do
// not depend on which tokens are computed with it, on N, on E or on threads; no routing rule hangs on a rounding.
#pragma once

#include <cstdint>

#include "core/kernels/bfloat16.hpp"

namespace sluice::kernels {

/// out [N, E] = x [N, D] times w [E, D] transposed, in A = AccumulateOf<T>. T: float, double, BFloat16.
template <class T>
void router_logits(const T* x, const AccumulateOf<T>* w, std::int64_t N, std::int64_t E, std::int64_t D, AccumulateOf<T>* out);

namespace reference {

template <class T>
void router_logits(const T* x, const AccumulateOf<T>* w, std::int64_t N, std::int64_t E, std::int64_t D, AccumulateOf<T>* out);

}  // namespace reference
}  // namespace sluice::kernels
