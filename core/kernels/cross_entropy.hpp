// Cross-entropy of rows of logits, with its gradient written over them. T: float, double, BFloat16; computed in
// A = AccumulateOf<T>, the sum of exponentials in double. Results do not depend on the number of threads.
#pragma once

#include <cstdint>

#include "core/kernels/bfloat16.hpp"

namespace sluice::kernels {

/// nll[row] = logsumexp(logits[row]) - logits[row][target] for logits [rows, V]. A negative target means "no target":
/// nll 0 and gradient 0. Data error (exit 3) if a target is V or more.
/// scale null: logits are kept. Otherwise logits become (softmax - onehot(target)) * scale[row].
/// A row with a NaN or +infinity, or of -infinities only, has nll NaN.
template <class T>
void cross_entropy(T* logits, const std::int64_t* targets, std::int64_t rows, std::int64_t V, AccumulateOf<T>* nll,
                   const AccumulateOf<T>* scale);

namespace reference {

template <class T>
void cross_entropy(T* logits, const std::int64_t* targets, std::int64_t rows, std::int64_t V, AccumulateOf<T>* nll,
                   const AccumulateOf<T>* scale);

}  // namespace reference
}  // namespace sluice::kernels
