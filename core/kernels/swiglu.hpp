// SwiGLU (Shazeer, 2020) without biases: h = w * silu(gate) * up, with silu(g) = g / (1 + exp(-g)) and an optional weight
// w per row (the router's weight of a routed row). A row of gate_up is [2F]: F gates, then F ups. Computed in
// A = AccumulateOf<T>, rounded to T once. Results do not depend on the number of threads. T: float, double, BFloat16.
#pragma once

#include <cstdint>

#include "core/kernels/bfloat16.hpp"

namespace sluice::kernels {

/// Writes h [rows, F] from gate_up [rows, 2F] and row_weight [rows]; a null row_weight means 1 for all rows.
template <class T>
void swiglu_forward(const T* gate_up, const AccumulateOf<T>* row_weight, std::int64_t rows, std::int64_t F, T* h);

/// Writes the gradients from dh [rows, F]: d_gate_up [rows, 2F], which may be gate_up, and d_row_weight [rows], which may be null if it is
/// not wanted. If h [rows, F] is not null, h is computed again, for the gradient of the matrix that h is multiplied with; h may be dh.
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
