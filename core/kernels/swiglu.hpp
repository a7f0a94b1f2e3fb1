// SwiGLU (Shazeer, 2020) without biases: h = w * silu(gate) * up, with silu(g) = g / (1 + exp(-g)) and an optional weight
// w per row (the router's weight of a routed row). A row of gate_up is [2F]: F gates, then F ups. Computed in
// A = AccumulateOf<T>, rounded to T once. Results do not depend on the number of threads. T: float, double, BFloat16.
#pragma once

#include <cstdint>

#include "core/kernels/bfloat16.hpp"

namespace sluice::kernels {

/// gate_up [rows, 2F], row_weight [rows] or null (1), h [rows, F].
template <class T>
void swiglu_forward(const T* gate_up, const AccumulateOf<T>* row_weight, std::int64_t rows, std::int64_t F, T* h);

/// From dh [rows, F]: d_gate_up [rows, 2F] (may be gate_up), d_row_weight [rows] or null, and h [rows, F] (may be dh) or
/// null: h recomputed, for the gradient of the weight behind it.
template <class T>
void swiglu_backward(const T* dh, const T* gate_up, const AccumulateOf<T>* row_weight, std::int64_t rows, std::int64_t F, T* d_gate_up,
                     AccumulateOf<T>* d_row_weight, T* h);

namespace reference {

template <class T>
void swiglu_forward(const T* gate_up, const AccumulateOf<T>* row_weight, std::int64_t rows, std::int64_t F, T* h);

template <class T>
void swiglu_backward(const T* dh, const T* gate_up, const AccumulateOf<T>* row_weight, std::int64_t rows, std::int64_t F, T* d_gate_up,
                     AccumulateOf<T>* d_row_weight, T* h);

}  // namespace reference
}  // namespace sluice::kernels
