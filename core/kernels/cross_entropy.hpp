// Cross-entropy of rows of logits. The gradient can be written over the logits. T: float, double, BFloat16; computed in
// A = AccumulateOf<T>, the sum of exponentials in double. Results do not depend on the number of threads.
#pragma once

#include <cstdint>

#include "core/kernels/bfloat16.hpp"

namespace sluice::kernels {

/// Computes nll[row] = logsumexp(logits[row]) - logits[row][target], with logits [rows, V], targets [rows] and nll [rows]. A negative
/// target means "no target": nll and gradient are 0. Data error (exit 3) if a target is V or more.
/// scale [rows] may be null; then the logits are kept. Otherwise the logits become the gradient (softmax - onehot(target)) * scale[row].
/// A row that has a NaN or a +infinity, or has only -infinities, gives nll NaN.
template <class T>
void cross_entropy(T* logits, const std::int64_t* targets, std::int64_t rows, std::int64_t V, AccumulateOf<T>* nll,
                   const AccumulateOf<T>* scale);

namespace reference {

template <class T>
void cross_entropy(T* logits, const std::int64_t* targets, std::int64_t rows, std::int64_t V, AccumulateOf<T>* nll,
                   const AccumulateOf<T>* scale);

}  // namespace reference
}  // namespace sluice::kernels
