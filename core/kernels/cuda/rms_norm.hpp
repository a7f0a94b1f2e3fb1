// core/kernels/rms_norm.hpp on a CUDA device: the same operands in device memory and the same rules. Each function starts its work on the
// stream and does not wait for it. Sums are added in an order that depends on sizes only.
#pragma once

#include "core/kernels/bfloat16.hpp"
#include "core/kernels/cuda/stream.hpp"

#include <cstdint>

namespace sluice::kernels::cuda {

template <class T>
void rms_norm_forward(const T* x, const AccumulateOf<T>* weight, std::int64_t rows, std::int64_t width, double eps, T* y,
                      AccumulateOf<T>* inverse_rms, Stream stream);
template <class T>
void add_rms_norm_forward(const T* x, const T* residual, const AccumulateOf<T>* weight, std::int64_t rows, std::int64_t width, double eps,
                          T* sum, T* y, AccumulateOf<T>* inverse_rms, Stream stream);

/// The number of row groups whose parts of the weight's gradient are added up last.
std::int64_t rms_norm_groups(std::int64_t rows);
/// `partial` is memory for rms_norm_groups(rows) * width numbers.
template <class T>
void rms_norm_backward(const T* dy, const T* x, const AccumulateOf<T>* weight, const AccumulateOf<T>* inverse_rms, std::int64_t rows,
                       std::int64_t width, T* dx, AccumulateOf<T>* dweight, AccumulateOf<T>* partial, Stream stream);

}  // namespace sluice::kernels::cuda
