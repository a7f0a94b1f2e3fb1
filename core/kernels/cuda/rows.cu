#include "core/kernels/cuda/rows.hpp"

#include "core/kernels/cuda/block.hpp"

#include <limits>

namespace sluice::kernels::cuda {
namespace {

constexpr int kThreads = 128;

// One block a row of the result, one thread a column.
template <class T>
__global__ void gather(const T* x, const std::int64_t* index, std::int64_t x_rows, std::int64_t width, T* out) {
  using A = AccumulateOf<T>;
  const std::int64_t row = blockIdx.x, from = index[row];
  for (std::int64_t i = threadIdx.x; i < width; i += kThreads)
    if (from >= 0 && from < x_rows) out[row * width + i] = x[from * width + i];
    else narrow(from < 0 ? A(0) : std::numeric_limits<A>::quiet_NaN(), out[row * width + i]);
}

template <class T>
__global__ void combine(const T* rows, const std::int64_t* slot, std::int64_t K, std::int64_t width, T* y) {
  using A = AccumulateOf<T>;
  const std::int64_t n = blockIdx.x;
  for (std::int64_t i = threadIdx.x; i < width; i += kThreads) {
    A sum = 0;
    for (std::int64_t k = 0; k < K; ++k)
      if (const std::int64_t from = slot[n * K + k]; from >= 0) sum += widen(rows[from * width + i]);
    narrow(sum, y[n * width + i]);
  }
}

template <class T>
__global__ void clear_from(T* x, const std::int32_t* first, std::int64_t width) {
  const std::int64_t row = blockIdx.x;
  if (row < *first) return;
  for (std::int64_t i = threadIdx.x; i < width; i += kThreads) narrow(0.0, x[row * width + i]);
}

// One block a place in the order; those at which an id begins add up all its rows.
template <class T>
__global__ void add_by_id(const T* dy, const std::int64_t* ids, const std::int64_t* order, std::int64_t N, std::int64_t D, std::int64_t V,
                          AccumulateOf<T>* dweight) {
  const std::int64_t begin = blockIdx.x, id = ids[order[begin]];
  if (id < 0 || id >= V || (begin > 0 && ids[order[begin - 1]] == id)) return;
  for (std::int64_t i = threadIdx.x; i < D; i += kThreads) {
    AccumulateOf<T> sum = dweight[id * D + i];
    for (std::int64_t p = begin; p < N && ids[order[p]] == id; ++p) sum += widen(dy[order[p] * D + i]);
    dweight[id * D + i] = sum;
  }
}

}  // namespace

template <class T>
void gather_rows(const T* x, const std::int64_t* index, std::int64_t x_rows, std::int64_t rows, std::int64_t width, T* out, Stream stream) {
  launch(gather<T>, rows, kThreads, stream, x, index, x_rows, width, out);
}

template <class T>
void combine_rows(const T* rows, const std::int64_t* slot, std::int64_t N, std::int64_t K, std::int64_t width, T* y, Stream stream) {
  launch(combine<T>, N, kThreads, stream, rows, slot, K, width, y);
}

template <class T>
void embedding_backward(const T* dy, const std::int64_t* ids, const std::int64_t* order, std::int64_t N, std::int64_t D, std::int64_t V,
                        AccumulateOf<T>* dweight, Stream stream) {
  launch(add_by_id<T>, N, kThreads, stream, dy, ids, order, N, D, V, dweight);
}

template <class T>
void clear_rows_from(T* x, const std::int32_t* first, std::int64_t rows, std::int64_t width, Stream stream) {
  launch(clear_from<T>, rows, kThreads, stream, x, first, width);
}

#define SLUICE_INSTANTIATE(T)                                                                                                    \
  template void gather_rows(const T*, const std::int64_t*, std::int64_t, std::int64_t, std::int64_t, T*, Stream);                \
  template void combine_rows(const T*, const std::int64_t*, std::int64_t, std::int64_t, std::int64_t, T*, Stream);               \
  template void embedding_backward(const T*, const std::int64_t*, const std::int64_t*, std::int64_t, std::int64_t, std::int64_t, \
                                   AccumulateOf<T>*, Stream);                                                                    \
  template void clear_rows_from(T*, const std::int32_t*, std::int64_t, std::int64_t, Stream);
SLUICE_INSTANTIATE(float)
SLUICE_INSTANTIATE(double)
SLUICE_INSTANTIATE(BFloat16)
#undef SLUICE_INSTANTIATE

}  // namespace sluice::kernels::cuda
