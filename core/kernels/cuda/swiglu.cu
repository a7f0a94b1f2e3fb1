#include "core/kernels/cuda/swiglu.hpp"

#include "core/kernels/cuda/block.hpp"

namespace sluice::kernels::cuda {
namespace {

constexpr int kThreads = 256;

// One block a row. A thread reads all of a column before it writes it, so that results may lie where operands did.
template <class T>
__global__ void forward_rows(const T* gate_up, const AccumulateOf<T>* row_weight, std::int64_t F, T* h) {
  using A = AccumulateOf<T>;
  const std::int64_t row = blockIdx.x;
  const T* gate = gate_up + row * 2 * F;
  const A weight = row_weight != nullptr ? row_weight[row] : A(1);
  for (std::int64_t i = threadIdx.x; i < F; i += kThreads) {
    const A g = widen(gate[i]), u = widen(gate[F + i]);
    narrow(g / (A(1) + std::exp(-g)) * u * weight, h[row * F + i]);
  }
}

template <class T>
__global__ void backward_rows(const T* dh, const T* gate_up, const AccumulateOf<T>* row_weight, std::int64_t F, T* d_gate_up,
                              AccumulateOf<T>* d_row_weight, T* h) {
  using A = AccumulateOf<T>;
  const std::int64_t row = blockIdx.x;
  const T* gate = gate_up + row * 2 * F;
  T* d_gate = d_gate_up + row * 2 * F;
  const A weight = row_weight != nullptr ? row_weight[row] : A(1);
  A products = 0;
  for (std::int64_t i = threadIdx.x; i < F; i += kThreads) {
    const A gradient = widen(dh[row * F + i]), g = widen(gate[i]), u = widen(gate[F + i]);
    const A sigmoid = A(1) / (A(1) + std::exp(-g)), silu = g * sigmoid, weighted = gradient * weight, unweighted = silu * u;
    products += gradient * unweighted;
    narrow(weighted * u * (sigmoid * (A(1) + g * (A(1) - sigmoid))), d_gate[i]);
    narrow(weighted * silu, d_gate[F + i]);
    if (h != nullptr) narrow(unweighted * weight, h[row * F + i]);
  }
  products = block_sum<kThreads>(products);
  if (d_row_weight != nullptr && threadIdx.x == 0) d_row_weight[row] = products;
}

}  // namespace

template <class T>
void swiglu_forward(const T* gate_up, const AccumulateOf<T>* row_weight, std::int64_t rows, std::int64_t F, T* h, Stream stream) {
  launch(forward_rows<T>, rows, kThreads, stream, gate_up, row_weight, F, h);
}

template <class T>
void swiglu_backward(const T* dh, const T* gate_up, const AccumulateOf<T>* row_weight, std::int64_t rows, std::int64_t F, T* d_gate_up,
                     AccumulateOf<T>* d_row_weight, T* h, Stream stream) {
  launch(backward_rows<T>, rows, kThreads, stream, dh, gate_up, row_weight, F, d_gate_up, d_row_weight, h);
}

#define SLUICE_INSTANTIATE(T)                                                                             \
  template void swiglu_forward(const T*, const AccumulateOf<T>*, std::int64_t, std::int64_t, T*, Stream); \
  template void swiglu_backward(const T*, const T*, const AccumulateOf<T>*, std::int64_t, std::int64_t, T*, AccumulateOf<T>*, T*, Stream);
SLUICE_INSTANTIATE(float)
SLUICE_INSTANTIATE(double)
SLUICE_INSTANTIATE(BFloat16)
#undef SLUICE_INSTANTIATE

}  // namespace sluice::kernels::cuda
