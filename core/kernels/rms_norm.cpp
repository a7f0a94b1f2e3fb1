#include "core/kernels/rms_norm.hpp"

#include <algorithm>
#include <vector>

#include "core/kernels/parallel_blocks.hpp"
#define SLUICE_ISA_BODY "core/kernels/rms_norm.inc"
#include "core/kernels/simd/for_each_isa.inc"

namespace sluice::kernels {
namespace {

template <class T, bool kAdd>
void forward(const T* x, const T* residual, const AccumulateOf<T>* weight, std::int64_t rows, std::int64_t width, double eps, T* sum, T* y,
             AccumulateOf<T>* inverse_rms) {
  const auto block = SLUICE_FOR_THIS_CPU(rms_norm_forward_rows<T, kAdd>);
  parallel_blocks(rows, rows_per_block(width), [&](std::int64_t begin, std::int64_t end) {
    const std::int64_t at = begin * width;
    block(x + at, kAdd ? residual + at : nullptr, weight, end - begin, width, eps, kAdd ? sum + at : nullptr, y + at, inverse_rms + begin);
  });
}

}  // namespace

template <class T>
void rms_norm_forward(const T* x, const AccumulateOf<T>* weight, std::int64_t rows, std::int64_t width, double eps, T* y,
                      AccumulateOf<T>* inverse_rms) {
  forward<T, false>(x, nullptr, weight, rows, width, eps, nullptr, y, inverse_rms);
}

template <class T>
void add_rms_norm_forward(const T* x, const T* residual, const AccumulateOf<T>* weight, std::int64_t rows, std::int64_t width, double eps,
                          T* sum, T* y, AccumulateOf<T>* inverse_rms) {
  forward<T, true>(x, residual, weight, rows, width, eps, sum, y, inverse_rms);
}

template <class T>
void rms_norm_backward(const T* dy, const T* x, const AccumulateOf<T>* weight, const AccumulateOf<T>* inverse_rms, std::int64_t rows,
                       std::int64_t width, T* dx, AccumulateOf<T>* dweight) {
  using A = AccumulateOf<T>;
  const auto block = SLUICE_FOR_THIS_CPU(rms_norm_backward_rows<T>);
  // Each block writes a dweight of its own. The number of blocks is bounded, so that adding these up stays cheap.
  constexpr std::int64_t max_blocks = 64;
  const std::int64_t block_rows = std::max(rows_per_block(width), ceil_div(rows, max_blocks));
  const std::int64_t blocks = ceil_div(rows, block_rows);
  std::vector<A> partial(static_cast<std::size_t>(blocks * width), A(0));
  parallel_blocks(rows, block_rows, [&](std::int64_t begin, std::int64_t end) {
    const std::int64_t at = begin * width;
    block(dy + at, x + at, weight, inverse_rms + begin, end - begin, width, dx + at, partial.data() + begin / block_rows * width);
  });
  std::fill(dweight, dweight + width, A(0));
  for (std::int64_t b = 0; b < blocks; ++b)
    for (std::int64_t i = 0; i < width; ++i) dweight[i] += partial[b * width + i];
}

namespace reference {

template <class T>
void rms_norm_forward(const T* x, const AccumulateOf<T>* weight, std::int64_t rows, std::int64_t width, double eps, T* y,
                      AccumulateOf<T>* inverse_rms) {
  for (std::int64_t row = 0; row < rows; ++row) {
    double squares = 0;
    for (std::int64_t i = 0; i < width; ++i) squares += std::pow(static_cast<double>(widen(x[row * width + i])), 2);
    const double inverse = 1.0 / std::sqrt(squares / static_cast<double>(width) + eps);
    inverse_rms[row] = static_cast<AccumulateOf<T>>(inverse);
    for (std::int64_t i = 0; i < width; ++i) narrow(weight[i] * (widen(x[row * width + i]) * inverse), y[row * width + i]);
  }
}

template <class T>
void rms_norm_backward(const T* dy, const T* x, const AccumulateOf<T>* weight, const AccumulateOf<T>* inverse_rms, std::int64_t rows,
                       std::int64_t width, T* dx, AccumulateOf<T>* dweight) {
  std::vector<double> weight_gradient(static_cast<std::size_t>(width), 0.0);
  for (std::int64_t row = 0; row < rows; ++row) {
    const double inverse = inverse_rms[row];
    double mean = 0;  // of dy * weight * normalised
    for (std::int64_t i = 0; i < width; ++i) {
      const std::int64_t at = row * width + i;
      const double normalised = widen(x[at]) * inverse;
      mean += widen(dy[at]) * weight[i] * normalised / static_cast<double>(width);
      weight_gradient[i] += widen(dy[at]) * normalised;
    }
    for (std::int64_t i = 0; i < width; ++i) {
      const std::int64_t at = row * width + i;
      narrow(inverse * (static_cast<double>(widen(dy[at])) * weight[i] - widen(x[at]) * inverse * mean), dx[at]);
    }
  }
  for (std::int64_t i = 0; i < width; ++i) dweight[i] = static_cast<AccumulateOf<T>>(weight_gradient[i]);
}

}  // namespace reference

#define SLUICE_INSTANTIATE(T)                                                                                                            \
  template void rms_norm_forward(const T*, const AccumulateOf<T>*, std::int64_t, std::int64_t, double, T*, AccumulateOf<T>*);            \
  template void add_rms_norm_forward(const T*, const T*, const AccumulateOf<T>*, std::int64_t, std::int64_t, double, T*, T*,             \
                                     AccumulateOf<T>*);                                                                                  \
  template void rms_norm_backward(const T*, const T*, const AccumulateOf<T>*, const AccumulateOf<T>*, std::int64_t, std::int64_t, T*,    \
                                  AccumulateOf<T>*);                                                                                     \
  template void reference::rms_norm_forward(const T*, const AccumulateOf<T>*, std::int64_t, std::int64_t, double, T*, AccumulateOf<T>*); \
  template void reference::rms_norm_backward(const T*, const T*, const AccumulateOf<T>*, const AccumulateOf<T>*, std::int64_t,           \
                                             std::int64_t, T*, AccumulateOf<T>*);
SLUICE_INSTANTIATE(float)
SLUICE_INSTANTIATE(double)
SLUICE_INSTANTIATE(BFloat16)
#undef SLUICE_INSTANTIATE

}  // namespace sluice::kernels
