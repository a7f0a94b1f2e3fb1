// RMSNorm (Zhang and Sennrich, 2019) as Hugging Face's Llama and Qwen3 compute it: y = weight * (x / rms(x)) with
// rms(x) = sqrt(mean(x^2) + eps), everything in A = AccumulateOf<T>, rounded to T once at the end. Rows are contiguous:
// [rows, width]; serves whole hidden rows and per-head q/k norms ([tokens * heads, head_dim]) alike.
// Results do not depend on the number of threads. T: float, double, BFloat16.
#pragma once

#include <cstdint>

#include "core/kernels/bfloat16.hpp"

namespace sluice::kernels {

/// weight [width], inverse_rms [rows] (kept for the backward pass). y may be x.
template <class T>
void rms_norm_forward(const T* x, const AccumulateOf<T>* weight, std::int64_t rows, std::int64_t width, double eps, T* y,
                      AccumulateOf<T>* inverse_rms);

/// sum = x + residual, rounded to T, then y = rms_norm(sum). sum may be x or residual.
template <class T>
void add_rms_norm_forward(const T* x, const T* residual, const AccumulateOf<T>* weight, std::int64_t rows, std::int64_t width, double eps,
                          T* sum, T* y, AccumulateOf<T>* inverse_rms);

/// Gradients from dy; dweight [width] is overwritten (zeros if there are no rows). dx may be dy.
template <class T>
void rms_norm_backward(const T* dy, const T* x, const AccumulateOf<T>* weight, const AccumulateOf<T>* inverse_rms, std::int64_t rows,
                       std::int64_t width, T* dx, AccumulateOf<T>* dweight);

/// Backward of add_rms_norm_forward: dx = dsum + (gradient of the norm at sum), which is the gradient of both x and
/// residual; dsum is what reached `sum` by its other uses. dx may be dy or dsum.
template <class T>
void add_rms_norm_backward(const T* dy, const T* dsum, const T* sum, const AccumulateOf<T>* weight, const AccumulateOf<T>* inverse_rms,
                           std::int64_t rows, std::int64_t width, T* dx, AccumulateOf<T>* dweight);

namespace reference {

template <class T>
void rms_norm_forward(const T* x, const AccumulateOf<T>* weight, std::int64_t rows, std::int64_t width, double eps, T* y,
                      AccumulateOf<T>* inverse_rms);

/// dsum may be null.
template <class T>
void add_rms_norm_backward(const T* dy, const T* dsum, const T* sum, const AccumulateOf<T>* weight, const AccumulateOf<T>* inverse_rms,
                           std::int64_t rows, std::int64_t width, T* dx, AccumulateOf<T>* dweight);

}  // namespace reference
}  // namespace sluice::kernels
