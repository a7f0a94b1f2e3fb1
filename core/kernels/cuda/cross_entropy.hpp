// core/kernels/cross_entropy.hpp on a CUDA device: the same operands in device memory and the same rules, but a target of V or more makes
// the nll and the gradient of its row NaN. Starts its work on the stream and does not wait for it.
#pragma once

#include "core/kernels/bfloat16.hpp"
#include "core/kernels/cuda/stream.hpp"

#include <cstdint>

namespace sluice::kernels::cuda {

template <class T>
void cross_entropy(T* logits, const std::int64_t* targets, std::int64_t rows, std::int64_t V, AccumulateOf<T>* nll,
                   const AccumulateOf<T>* scale, Stream stream);

}  // namespace sluice::kernels::cuda
