#include "core/kernels/cuda/rope.hpp"

#include "core/base/integers.hpp"
#include "core/kernels/cuda/block.hpp"

namespace sluice::kernels::cuda {
namespace {

constexpr int kThreads = 128;

template <class A>
__global__ void fill_tables(double theta, std::int64_t half, std::int64_t count, A* cos, A* sin) {
  const std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  if (i >= count) return;
  const double frequency = std::pow(theta, -static_cast<double>(i % half) / static_cast<double>(half));
  const double angle = static_cast<double>(i / half) * frequency;
  cos[i] = static_cast<A>(std::cos(angle));
  sin[i] = static_cast<A>(std::sin(angle));
}

// One block a row.
template <class T>
__global__ void rotate_rows(T* x, const AccumulateOf<T>* cos, const AccumulateOf<T>* sin, const std::int64_t* positions, std::int64_t heads,
                            std::int64_t half, AccumulateOf<T> sign) {
  using A = AccumulateOf<T>;
  const std::int64_t row = blockIdx.x, angles = positions[row] * half;
  for (std::int64_t j = threadIdx.x; j < heads * half; j += kThreads) {
    const std::int64_t i = j % half;
    T* first = x + (row * heads + j / half) * 2 * half + i;
    const A c = cos[angles + i], s = sin[angles + i] * sign, a = widen(first[0]), b = widen(first[half]);
    narrow(a * c - b * s, first[0]);
    narrow(b * c + a * s, first[half]);
  }
}

}  // namespace

template <class A>
void rope_tables(double theta, std::int64_t half, std::int64_t positions, A* cos, A* sin, Stream stream) {
  launch(fill_tables<A>, ceil_div(half * positions, kThreads), kThreads, stream, theta, half, half * positions, cos, sin);
}

template <class T>
void rope_rotate(T* x, const AccumulateOf<T>* cos, const AccumulateOf<T>* sin, const std::int64_t* positions, std::int64_t rows,
                 std::int64_t heads, std::int64_t half, bool inverse, Stream stream) {
  launch(rotate_rows<T>, rows, kThreads, stream, x, cos, sin, positions, heads, half, inverse ? -1 : 1);
}

template void rope_tables(double, std::int64_t, std::int64_t, float*, float*, Stream);
template void rope_tables(double, std::int64_t, std::int64_t, double*, double*, Stream);

#define SLUICE_INSTANTIATE(T)                                                                                                    \
  template void rope_rotate(T*, const AccumulateOf<T>*, const AccumulateOf<T>*, const std::int64_t*, std::int64_t, std::int64_t, \
                            std::int64_t, bool, Stream);
SLUICE_INSTANTIATE(float)
SLUICE_INSTANTIATE(double)
SLUICE_INSTANTIATE(BFloat16)
#undef SLUICE_INSTANTIATE

}  // namespace sluice::kernels::cuda
