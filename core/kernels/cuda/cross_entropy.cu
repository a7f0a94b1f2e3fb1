#include "core/kernels/cuda/cross_entropy.hpp"

#include "core/kernels/cuda/block.hpp"

#include <limits>

namespace sluice::kernels::cuda {
namespace {

constexpr int kThreads = 256;

// One block a row, which is read three times. Exponentials are computed twice: stored ones would be rounded.
template <class T>
__global__ void cross_entropy_rows(T* logits, const std::int64_t* targets, std::int64_t V, AccumulateOf<T>* nll,
                                   const AccumulateOf<T>* scale) {
  using A = AccumulateOf<T>;
  const std::int64_t row = blockIdx.x, target = targets[row];
  T* x = logits + row * V;
  if (target < 0 || target >= V) {
    const A result = target < 0 ? A(0) : std::numeric_limits<A>::quiet_NaN();
    if (threadIdx.x == 0) nll[row] = result;
    for (std::int64_t i = threadIdx.x; i < V && scale != nullptr; i += kThreads) narrow(result, x[i]);
    return;
  }
  A top = -std::numeric_limits<A>::infinity();
  for (std::int64_t i = threadIdx.x; i < V; i += kThreads) {
    const A value = widen(x[i]);
    top = value > top ? value : top;
  }
  top = block_max<kThreads>(top);
  const double target_minus_top = static_cast<double>(widen(x[target])) - static_cast<double>(top);
  double total = 0;
  for (std::int64_t i = threadIdx.x; i < V; i += kThreads) total += static_cast<double>(std::exp(widen(x[i]) - top));
  total = block_sum<kThreads>(total);
  if (threadIdx.x == 0) nll[row] = static_cast<A>(std::log(total) - target_minus_top);
  if (scale == nullptr) return;
  const A factor = static_cast<A>(static_cast<double>(scale[row]) / total);
  for (std::int64_t i = threadIdx.x; i < V; i += kThreads)
    if (i == target) narrow((std::exp(target_minus_top) / total - 1.0) * static_cast<double>(scale[row]), x[i]);
    else narrow(std::exp(widen(x[i]) - top) * factor, x[i]);
}

}  // namespace

template <class T>
void cross_entropy(T* logits, const std::int64_t* targets, std::int64_t rows, std::int64_t V, AccumulateOf<T>* nll,
                   const AccumulateOf<T>* scale, Stream stream) {
  launch(cross_entropy_rows<T>, rows, kThreads, stream, logits, targets, V, nll, scale);
}

#define SLUICE_INSTANTIATE(T) \
  template void cross_entropy(T*, const std::int64_t*, std::int64_t, std::int64_t, AccumulateOf<T>*, const AccumulateOf<T>*, Stream);
SLUICE_INSTANTIATE(float)
SLUICE_INSTANTIATE(double)
SLUICE_INSTANTIATE(BFloat16)
#undef SLUICE_INSTANTIATE

}  // namespace sluice::kernels::cuda
