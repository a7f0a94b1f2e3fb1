#include "core/kernels/cuda/columns.hpp"

#include "core/base/integers.hpp"

#include <device_code.hpp>

namespace sluice::kernels::cuda {
namespace {

constexpr int kThreads = 256;

// One thread an element of the result.
template <class A>
__global__ void pick(const A* values, const std::int64_t* columns, std::int64_t N, std::int64_t E, std::int64_t K, A* out) {
  const std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  if (i < N * K) out[i] = values[i / K * E + columns[i]];
}

template <class A>
__global__ void place(const A* values, const std::int64_t* columns, std::int64_t N, std::int64_t E, std::int64_t K, A* out) {
  const std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  if (i >= N * E) return;
  const std::int64_t first = i / E * K, column = i % E;
  A sum = 0;
  for (std::int64_t k = 0; k < K; ++k)
    if (columns[first + k] == column) sum += values[first + k];
  out[i] = sum;
}

}  // namespace

template <class A>
void pick_columns(const A* values, const std::int64_t* columns, std::int64_t N, std::int64_t E, std::int64_t K, A* out, Stream stream) {
  launch(pick<A>, ceil_div(N * K, kThreads), kThreads, stream, values, columns, N, E, K, out);
}

template <class A>
void place_columns(const A* values, const std::int64_t* columns, std::int64_t N, std::int64_t E, std::int64_t K, A* out, Stream stream) {
  launch(place<A>, ceil_div(N * E, kThreads), kThreads, stream, values, columns, N, E, K, out);
}

#define SLUICE_INSTANTIATE(A)                                                                                      \
  template void pick_columns(const A*, const std::int64_t*, std::int64_t, std::int64_t, std::int64_t, A*, Stream); \
  template void place_columns(const A*, const std::int64_t*, std::int64_t, std::int64_t, std::int64_t, A*, Stream);
SLUICE_INSTANTIATE(float)
SLUICE_INSTANTIATE(double)
#undef SLUICE_INSTANTIATE

}  // namespace sluice::kernels::cuda
