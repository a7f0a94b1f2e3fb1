#include "core/kernels/rope.hpp"

#include "core/base/error.hpp"
#include "core/kernels/parallel_blocks.hpp"
#define SLUICE_ISA_BODY "core/kernels/rope.inc"
#include "core/kernels/simd/for_each_isa.inc"

namespace sluice::kernels {

template <class A>
void rope_tables(double theta, std::int64_t head_dim, std::int64_t positions, A* cos, A* sin) {
  if (head_dim % 2 != 0) throw usage_error("rope: head_dim({}) is odd; rotation works on pairs, use an even head_dim", head_dim);
  const std::int64_t half = head_dim / 2;
  parallel_blocks(positions, rows_per_block(head_dim * 16), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t j = 0; j < half; ++j) {
      const double frequency = std::pow(theta, -2.0 * static_cast<double>(j) / static_cast<double>(head_dim));
      for (std::int64_t p = begin; p < end; ++p) {
        cos[p * half + j] = static_cast<A>(std::cos(static_cast<double>(p) * frequency));
        sin[p * half + j] = static_cast<A>(std::sin(static_cast<double>(p) * frequency));
      }
    }
  });
}

template <class T>
void rope_rotate(T* x, const AccumulateOf<T>* cos, const AccumulateOf<T>* sin, const std::int64_t* position, std::int64_t rows,
                 std::int64_t heads, std::int64_t head_dim, std::int64_t row_stride, bool inverse) {
  const auto block = SLUICE_FOR_THIS_CPU(rope_rotate_rows<T>);
  parallel_blocks(rows, rows_per_block(heads * head_dim), [&](std::int64_t begin, std::int64_t end) {
    block(x + begin * row_stride, cos, sin, position + begin, end - begin, heads, head_dim, row_stride, inverse);
  });
}

namespace reference {

template <class T>
void rope_rotate(T* x, const AccumulateOf<T>* cos, const AccumulateOf<T>* sin, const std::int64_t* position, std::int64_t rows,
                 std::int64_t heads, std::int64_t head_dim, std::int64_t row_stride, bool inverse) {
  const std::int64_t half = head_dim / 2;
  for (std::int64_t row = 0; row < rows; ++row) {
    for (std::int64_t head = 0; head < heads; ++head) {
      for (std::int64_t j = 0; j < half; ++j) {
        T& first = x[row * row_stride + head * head_dim + j];
        T& second = x[row * row_stride + head * head_dim + half + j];
        const double c = cos[position[row] * half + j];
        const double s = inverse ? -sin[position[row] * half + j] : sin[position[row] * half + j];
        const double a = widen(first), b = widen(second);
        narrow(a * c - b * s, first);
        narrow(b * c + a * s, second);
      }
    }
  }
}

}  // namespace reference

#define SLUICE_INSTANTIATE(T)                                                                                                    \
  template void rope_rotate(T*, const AccumulateOf<T>*, const AccumulateOf<T>*, const std::int64_t*, std::int64_t, std::int64_t, \
                            std::int64_t, std::int64_t, bool);                                                                   \
  template void reference::rope_rotate(T*, const AccumulateOf<T>*, const AccumulateOf<T>*, const std::int64_t*, std::int64_t,    \
                                       std::int64_t, std::int64_t, std::int64_t, bool);
SLUICE_INSTANTIATE(float)
SLUICE_INSTANTIATE(double)
SLUICE_INSTANTIATE(BFloat16)
#undef SLUICE_INSTANTIATE
template void rope_tables(double, std::int64_t, std::int64_t, float*, float*);
template void rope_tables(double, std::int64_t, std::int64_t, double*, double*);

}  // namespace sluice::kernels
