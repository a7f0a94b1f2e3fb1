#include "core/kernels/rows.hpp"

#include <algorithm>

#include "core/base/error.hpp"
#include "core/kernels/parallel_blocks.hpp"
#define SLUICE_ISA_BODY "core/kernels/rows.inc"
#include "core/kernels/simd/for_each_isa.inc"

namespace sluice::kernels {

template <class T>
void gather_rows(const T* x, const std::int64_t* index, std::int64_t rows, std::int64_t width, T* out) {
  const std::size_t bytes = static_cast<std::size_t>(width) * sizeof(T);
  parallel_blocks(rows, rows_per_block(width), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t r = begin; r < end; ++r)
      if (index[r] >= 0) std::memcpy(out + r * width, x + index[r] * width, bytes);
      else std::memset(static_cast<void*>(out + r * width), 0, bytes);
  });
}

template <class T>
void combine_rows(const T* rows, const std::int64_t* slot, std::int64_t N, std::int64_t K, std::int64_t width, T* y) {
  const auto block = SLUICE_FOR_THIS_CPU(combine_block<T>);
  parallel_blocks(N, rows_per_block(width),
                  [&](std::int64_t begin, std::int64_t end) { block(rows, slot + begin * K, end - begin, K, width, y + begin * width); });
}

// The columns, not the tokens, are divided among the threads: so each column adds up the tokens in order, even if an id comes several
// times, and nothing needs to be sorted.
template <class T>
void embedding_backward(const T* dy, const std::int64_t* ids, std::int64_t N, std::int64_t D, std::int64_t V, AccumulateOf<T>* dweight) {
  for (std::int64_t n = 0; n < N; ++n)
    if (ids[n] < 0 || ids[n] >= V)
      throw data_error("embedding: id {} at position {} is not in [0, {}); does the tokenizer fit the model?", ids[n], n, V);
  const auto columns = SLUICE_FOR_THIS_CPU(embedding_columns<T>);
  const std::int64_t slice = N * D <= kBlockElements ? std::max<std::int64_t>(D, 1) : 64;
  parallel_blocks(D, slice, [&](std::int64_t begin, std::int64_t end) { columns(dy, ids, N, D, begin, end, dweight); });
}

namespace reference {

template <class T>
void gather_rows(const T* x, const std::int64_t* index, std::int64_t rows, std::int64_t width, T* out) {
  for (std::int64_t r = 0; r < rows; ++r) {
    for (std::int64_t i = 0; i < width; ++i)
      if (index[r] >= 0) out[r * width + i] = x[index[r] * width + i];
      else narrow(0, out[r * width + i]);
  }
}

template <class T>
void combine_rows(const T* rows, const std::int64_t* slot, std::int64_t N, std::int64_t K, std::int64_t width, T* y) {
  for (std::int64_t n = 0; n < N; ++n) {
    for (std::int64_t i = 0; i < width; ++i) {
      AccumulateOf<T> sum = 0;
      for (std::int64_t k = 0; k < K; ++k)
        if (slot[n * K + k] >= 0) sum += widen(rows[slot[n * K + k] * width + i]);
      narrow(sum, y[n * width + i]);
    }
  }
}

template <class T>
void embedding_backward(const T* dy, const std::int64_t* ids, std::int64_t N, std::int64_t D, std::int64_t, AccumulateOf<T>* dweight) {
  for (std::int64_t n = 0; n < N; ++n)
    for (std::int64_t i = 0; i < D; ++i) dweight[ids[n] * D + i] += widen(dy[n * D + i]);
}

}  // namespace reference

#define SLUICE_INSTANTIATE(T)                                                                                                  \
  template void gather_rows(const T*, const std::int64_t*, std::int64_t, std::int64_t, T*);                                    \
  template void combine_rows(const T*, const std::int64_t*, std::int64_t, std::int64_t, std::int64_t, T*);                     \
  template void embedding_backward(const T*, const std::int64_t*, std::int64_t, std::int64_t, std::int64_t, AccumulateOf<T>*); \
  template void reference::gather_rows(const T*, const std::int64_t*, std::int64_t, std::int64_t, T*);                         \
  template void reference::combine_rows(const T*, const std::int64_t*, std::int64_t, std::int64_t, std::int64_t, T*);          \
  template void reference::embedding_backward(const T*, const std::int64_t*, std::int64_t, std::int64_t, std::int64_t, AccumulateOf<T>*);
SLUICE_INSTANTIATE(float)
SLUICE_INSTANTIATE(double)
SLUICE_INSTANTIATE(BFloat16)
#undef SLUICE_INSTANTIATE

}  // namespace sluice::kernels
