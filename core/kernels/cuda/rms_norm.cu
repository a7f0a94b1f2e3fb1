#include "core/kernels/cuda/rms_norm.hpp"

#include "core/base/integers.hpp"
#include "core/kernels/cuda/block.hpp"

#include <algorithm>

namespace sluice::kernels::cuda {
namespace {

constexpr int kThreads = 256;
constexpr std::int64_t kMaxGroups = 256;

// One block a row.
template <class T, bool kAdd, int kThreads>
__global__ void forward_rows(const T* x, const T* residual, const AccumulateOf<T>* weight, std::int64_t width, double eps, T* sum, T* y,
                             AccumulateOf<T>* inverse_rms) {
  using A = AccumulateOf<T>;
  const std::int64_t row = blockIdx.x, first = row * width;
  A squares = 0;
  for (std::int64_t i = threadIdx.x; i < width; i += kThreads) {
    if constexpr (kAdd) narrow(widen(x[first + i]) + widen(residual[first + i]), sum[first + i]);
    const A value = widen(kAdd ? sum[first + i] : x[first + i]);
    squares += value * value;
  }
  squares = block_sum<kThreads>(squares);
  const A inverse = A(1) / std::sqrt(squares / static_cast<A>(width) + static_cast<A>(eps));
  if (threadIdx.x == 0) inverse_rms[row] = inverse;
  for (std::int64_t i = threadIdx.x; i < width; i += kThreads)
    narrow(weight[i] * (widen(kAdd ? sum[first + i] : x[first + i]) * inverse), y[first + i]);
}

// One block a group of rows. Each thread has its own columns of the group's part of dweight.
template <class T, int kThreads>
__global__ void backward_groups(const T* dy, const T* x, const AccumulateOf<T>* weight, const AccumulateOf<T>* inverse_rms,
                                std::int64_t rows, std::int64_t width, std::int64_t group_rows, T* dx, AccumulateOf<T>* partial) {
  using A = AccumulateOf<T>;
  A* own = partial + blockIdx.x * width;
  for (std::int64_t i = threadIdx.x; i < width; i += kThreads) own[i] = A(0);
  const std::int64_t begin = blockIdx.x * group_rows, end = begin + group_rows < rows ? begin + group_rows : rows;
  for (std::int64_t row = begin; row < end; ++row) {
    const std::int64_t first = row * width;
    A products = 0;
    for (std::int64_t i = threadIdx.x; i < width; i += kThreads) products += widen(dy[first + i]) * weight[i] * widen(x[first + i]);
    products = block_sum<kThreads>(products);
    const A inverse = inverse_rms[row], pull = products / static_cast<A>(width) * inverse * inverse;
    for (std::int64_t i = threadIdx.x; i < width; i += kThreads) {
      const A gradient = widen(dy[first + i]), value = widen(x[first + i]);
      own[i] += gradient * (value * inverse);
      narrow((gradient * weight[i] - value * pull) * inverse, dx[first + i]);
    }
  }
}

// One thread a column.
template <class A>
__global__ void add_groups(const A* partial, std::int64_t groups, std::int64_t width, A* dweight) {
  const std::int64_t column = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (column >= width) return;
  A sum = 0;
  for (std::int64_t group = 0; group < groups; ++group) sum += partial[group * width + column];
  dweight[column] = sum;
}

// Heads are narrow: one warp is enough for a row of them.
constexpr std::int64_t kNarrow = 256;

template <class T, bool kAdd>
void forward(const T* x, const T* residual, const AccumulateOf<T>* weight, std::int64_t rows, std::int64_t width, double eps, T* sum, T* y,
             AccumulateOf<T>* inverse_rms, Stream stream) {
  if (width <= kNarrow) launch(forward_rows<T, kAdd, kWarp>, rows, kWarp, stream, x, residual, weight, width, eps, sum, y, inverse_rms);
  else launch(forward_rows<T, kAdd, kThreads>, rows, kThreads, stream, x, residual, weight, width, eps, sum, y, inverse_rms);
}

std::int64_t rows_of_group(std::int64_t rows) { return std::max<std::int64_t>(1, ceil_div(rows, kMaxGroups)); }

}  // namespace

std::int64_t rms_norm_groups(std::int64_t rows) { return ceil_div(rows, rows_of_group(rows)); }

template <class T>
void rms_norm_forward(const T* x, const AccumulateOf<T>* weight, std::int64_t rows, std::int64_t width, double eps, T* y,
                      AccumulateOf<T>* inverse_rms, Stream stream) {
  forward<T, false>(x, nullptr, weight, rows, width, eps, nullptr, y, inverse_rms, stream);
}

template <class T>
void add_rms_norm_forward(const T* x, const T* residual, const AccumulateOf<T>* weight, std::int64_t rows, std::int64_t width, double eps,
                          T* sum, T* y, AccumulateOf<T>* inverse_rms, Stream stream) {
  forward<T, true>(x, residual, weight, rows, width, eps, sum, y, inverse_rms, stream);
}

template <class T>
void rms_norm_backward(const T* dy, const T* x, const AccumulateOf<T>* weight, const AccumulateOf<T>* inverse_rms, std::int64_t rows,
                       std::int64_t width, T* dx, AccumulateOf<T>* dweight, AccumulateOf<T>* partial, Stream stream) {
  const std::int64_t groups = rms_norm_groups(rows), group_rows = rows_of_group(rows);
  if (width <= kNarrow)
    launch(backward_groups<T, kWarp>, groups, kWarp, stream, dy, x, weight, inverse_rms, rows, width, group_rows, dx, partial);
  else launch(backward_groups<T, kThreads>, groups, kThreads, stream, dy, x, weight, inverse_rms, rows, width, group_rows, dx, partial);
  launch(add_groups<AccumulateOf<T>>, ceil_div(width, kThreads), kThreads, stream, partial, groups, width, dweight);
}

#define SLUICE_INSTANTIATE(T)                                                                                                         \
  template void rms_norm_forward(const T*, const AccumulateOf<T>*, std::int64_t, std::int64_t, double, T*, AccumulateOf<T>*, Stream); \
  template void add_rms_norm_forward(const T*, const T*, const AccumulateOf<T>*, std::int64_t, std::int64_t, double, T*, T*,          \
                                     AccumulateOf<T>*, Stream);                                                                       \
  template void rms_norm_backward(const T*, const T*, const AccumulateOf<T>*, const AccumulateOf<T>*, std::int64_t, std::int64_t, T*, \
                                  AccumulateOf<T>*, AccumulateOf<T>*, Stream);
SLUICE_INSTANTIATE(float)
SLUICE_INSTANTIATE(double)
SLUICE_INSTANTIATE(BFloat16)
#undef SLUICE_INSTANTIATE

}  // namespace sluice::kernels::cuda
