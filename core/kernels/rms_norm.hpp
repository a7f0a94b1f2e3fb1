// RMSNorm (Zhang and Sennrich, 2019) as Hugging Face's Llama and Qwen3 compute it: y = weight * (x / rms(x)) with
// rms(x) = sqrt(mean(x^2) + eps), everything in A = AccumulateOf<T>, rounded to T once at the end. x, y and the other
// operands of type T are contiguous [rows, width]; weight and dweight are [width], inverse_rms = 1 / rms(x) is [rows]. A row
// is a hidden row, or one head for the norms of q and k ([tokens * heads, head_dim]).
// Results do not depend on the number of threads. T: float, double, BFloat16.
#pragma once

#include <cstdint>

#include "core/kernels/bfloat16.hpp"

namespace sluice::kernels {

/// Writes y and inverse_rms, which the backward pass needs. y may be x.
template <class T>
void rms_norm_forward(const T* x, const AccumulateOf<T>* weight, std::int64_t rows, std::int64_t width, double eps, T* y,
                      AccumulateOf<T>* inverse_rms);

/// Writes sum = x + residual, rounded to T, and then y and inverse_rms of that sum. sum may be x or residual.
template <class T>
void add_rms_norm_forward(const T* x, const T* residual, const AccumulateOf<T>* weight, std::int64_t rows, std::int64_t width, double eps,
                          T* sum, T* y, AccumulateOf<T>* inverse_rms);

/// Writes the gradients dx and dweight from dy, the gradient of y. dweight is overwritten: zeros if there are no rows. dx may be dy.
template <class T>
void rms_norm_backward(const T* dy, const T* x, const AccumulateOf<T>* weight, const AccumulateOf<T>* inverse_rms, std::int64_t rows,
                       std::int64_t width, T* dx, AccumulateOf<T>* dweight);

namespace reference {

template <class T>
void rms_norm_forward(const T* x, const AccumulateOf<T>* weight, std::int64_t rows, std::int64_t width, double eps, T* y,
                      AccumulateOf<T>* inverse_rms);
template <class T>
void rms_norm_backward(const T* dy, const T* x, const AccumulateOf<T>* weight, const AccumulateOf<T>* inverse_rms, std::int64_t rows,
                       std::int64_t width, T* dx, AccumulateOf<T>* dweight);

}  // namespace reference
}  // namespace sluice::kernels
