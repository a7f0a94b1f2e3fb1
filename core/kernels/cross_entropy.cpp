#include "core/kernels/cross_entropy.hpp"

#include <vector>

#include "core/base/error.hpp"
#include "core/kernels/parallel_blocks.hpp"
#define SLUICE_ISA_BODY "core/kernels/cross_entropy.inc"
#include "core/kernels/simd/for_each_isa.inc"

namespace sluice::kernels {

template <class T>
void cross_entropy(T* logits, const std::int64_t* targets, std::int64_t rows, std::int64_t V, AccumulateOf<T>* nll,
                   const AccumulateOf<T>* scale) {
  for (std::int64_t row = 0; row < rows; ++row)
    if (targets[row] >= V)
      throw data_error("cross_entropy: target {} of row {} is not in [0, {}); does the tokenizer fit the model?", targets[row], row, V);
  const auto block = SLUICE_FOR_THIS_CPU(cross_entropy_rows<T>);
  parallel_blocks(rows, rows_per_block(V), [&](std::int64_t begin, std::int64_t end) {
    block(logits + begin * V, targets + begin, end - begin, V, nll + begin, scale ? scale + begin : nullptr);
  });
}

namespace reference {

template <class T>
void cross_entropy(T* logits, const std::int64_t* targets, std::int64_t rows, std::int64_t V, AccumulateOf<T>* nll,
                   const AccumulateOf<T>* scale) {
  for (std::int64_t row = 0; row < rows; ++row) {
    const std::vector<T> x(logits + row * V, logits + (row + 1) * V);
    const std::int64_t target = targets[row];
    double top = -std::numeric_limits<double>::infinity(), total = 0;
    for (const T v : x) top = std::max(top, static_cast<double>(widen(v)));
    for (const T v : x) total += std::exp(widen(v) - top);
    nll[row] = target < 0 ? 0 : static_cast<AccumulateOf<T>>(std::log(total) + top - widen(x[target]));
    if (!scale) continue;
    for (std::int64_t i = 0; i < V; ++i) {
      const double gradient = std::exp(widen(x[i]) - top) / total - (i == target ? 1 : 0);
      narrow(target < 0 ? 0 : gradient * scale[row], logits[row * V + i]);
    }
  }
}

}  // namespace reference

#define SLUICE_INSTANTIATE(T)                                                                                                 \
  template void cross_entropy(T*, const std::int64_t*, std::int64_t, std::int64_t, AccumulateOf<T>*, const AccumulateOf<T>*); \
  template void reference::cross_entropy(T*, const std::int64_t*, std::int64_t, std::int64_t, AccumulateOf<T>*, const AccumulateOf<T>*);
SLUICE_INSTANTIATE(float)
SLUICE_INSTANTIATE(double)
SLUICE_INSTANTIATE(BFloat16)
#undef SLUICE_INSTANTIATE

}  // namespace sluice::kernels
