#include "core/kernels/cuda/reduce.hpp"

#include "core/base/integers.hpp"
#include "core/kernels/cuda/block.hpp"

namespace sluice::kernels::cuda {
namespace {

constexpr int kThreads = 256;
constexpr std::int64_t kBlockElements = 16384;

// One block for each kBlockElements elements.
template <class A>
__global__ void square_part(const A* x, std::int64_t n, double* parts) {
  const std::int64_t begin = blockIdx.x * kBlockElements, end = begin + kBlockElements < n ? begin + kBlockElements : n;
  double sum = 0;
  for (std::int64_t i = begin + threadIdx.x; i < end; i += kThreads) sum += static_cast<double>(x[i]) * static_cast<double>(x[i]);
  sum = block_sum<kThreads>(sum);
  if (threadIdx.x == 0) parts[blockIdx.x] = sum;
}

// One block.
__global__ void add_parts(const double* parts, std::int64_t count, double* sum) {
  double own = 0;
  for (std::int64_t i = threadIdx.x; i < count; i += kThreads) own += parts[i];
  own = block_sum<kThreads>(own);
  if (threadIdx.x == 0) *sum = own;
}

__global__ void say_finite(bool* finite) {
  if (threadIdx.x == 0) *finite = true;
}

// Whoever finds one writes the same.
template <class A>
__global__ void find_others(const A* x, std::int64_t n, bool* finite) {
  const std::int64_t begin = blockIdx.x * kBlockElements, end = begin + kBlockElements < n ? begin + kBlockElements : n;
  for (std::int64_t i = begin + threadIdx.x; i < end; i += kThreads)
    if (!(x[i] - x[i] == A(0))) *finite = false;
}

}  // namespace

std::int64_t sum_of_squares_parts(std::int64_t n) { return ceil_div(n, kBlockElements); }

template <class A>
void sum_of_squares(const A* x, std::int64_t n, double* sum, double* parts, Stream stream) {
  launch(square_part<A>, sum_of_squares_parts(n), kThreads, stream, x, n, parts);
  launch(add_parts, 1, kThreads, stream, parts, sum_of_squares_parts(n), sum);
}

template <class A>
void all_finite(const A* x, std::int64_t n, bool* finite, Stream stream) {
  launch(say_finite, 1, kWarp, stream, finite);
  launch(find_others<A>, ceil_div(n, kBlockElements), kThreads, stream, x, n, finite);
}

template void sum_of_squares(const float*, std::int64_t, double*, double*, Stream);
template void sum_of_squares(const double*, std::int64_t, double*, double*, Stream);
template void all_finite(const float*, std::int64_t, bool*, Stream);
template void all_finite(const double*, std::int64_t, bool*, Stream);

}  // namespace sluice::kernels::cuda
