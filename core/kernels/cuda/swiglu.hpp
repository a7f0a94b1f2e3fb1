// core/kernels/swiglu.hpp on a CUDA device: the same operands in device memory and the same rules. Each function starts its work on the
// stream and does not wait for it.
#pragma once

#include "core/kernels/bfloat16.hpp"
#include "core/kernels/cuda/stream.hpp"

#include <cstdint>

namespace sluice::kernels::cuda {

template <class T>
void swiglu_forward(const T* gate_up, const AccumulateOf<T>* row_weight, std::int64_t rows, std::int64_t F, T* h, Stream stream);
template <class T>
void swiglu_backward(const T* dh, const T* gate_up, const AccumulateOf<T>* row_weight, std::int64_t rows, std::int64_t F, T* d_gate_up,
                     AccumulateOf<T>* d_row_weight, T* h, Stream stream);

}  // namespace sluice::kernels::cuda
