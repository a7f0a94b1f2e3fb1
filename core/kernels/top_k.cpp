#include "core/kernels/top_k.hpp"

#include <algorithm>
#include <numeric>
#include <type_traits>
#include <vector>

#include "core/base/error.hpp"
#include "core/kernels/parallel_blocks.hpp"
#define SLUICE_ISA_BODY "core/kernels/top_k.inc"
#include "core/kernels/simd/for_each_isa.inc"

namespace sluice::kernels {
template <class A>
void top_k(const A* scores, const A* bias, std::int64_t N, std::int64_t E, std::int64_t K, std::int32_t* experts) {
  using Key = std::conditional_t<sizeof(A) == 4, std::int32_t, std::int64_t>;
  if (K > E || K < 0) throw usage_error("top_k: cannot choose {} of {} experts; top_k must be in [0, num_experts]", K, E);
  const auto block = SLUICE_FOR_THIS_CPU(top_k_rows<A, Key>);
  parallel_blocks(N, rows_per_block(E), [&](std::int64_t begin, std::int64_t end) {
    std::vector<Key> keys(static_cast<std::size_t>(E));
    block(scores + begin * E, bias, end - begin, E, K, keys.data(), experts + begin * K);
  });
}

template <class A>
void row_sigmoid(const A* logits, std::int64_t N, std::int64_t E, A* out) {
  const auto block = SLUICE_FOR_THIS_CPU(sigmoid_block<A>);
  parallel_blocks(N * E, kBlockElements, [&](std::int64_t begin, std::int64_t end) { block(logits + begin, end - begin, out + begin); });
}

namespace reference {

template <class A>
void top_k(const A* scores, const A* bias, std::int64_t N, std::int64_t E, std::int64_t K, std::int32_t* experts) {
  for (std::int64_t n = 0; n < N; ++n) {
    std::vector<std::int32_t> order(static_cast<std::size_t>(E));
    std::iota(order.begin(), order.end(), 0);
    const auto value = [&](std::int32_t e) { return bias ? scores[n * E + e] + bias[e] : scores[n * E + e]; };
    std::stable_sort(order.begin(), order.end(), [&](std::int32_t a, std::int32_t b) {
      return value(a) > value(b) || (!std::isnan(value(a)) && std::isnan(value(b)));
    });
    std::copy(order.begin(), order.begin() + K, experts + n * K);
  }
}

template <class A>
void row_sigmoid(const A* logits, std::int64_t N, std::int64_t E, A* out) {
  for (std::int64_t i = 0; i < N * E; ++i) out[i] = static_cast<A>(1 / (1 + std::exp(-static_cast<double>(logits[i]))));
}

}  // namespace reference

#define SLUICE_INSTANTIATE(A)                                                                                  \
  template void top_k(const A*, const A*, std::int64_t, std::int64_t, std::int64_t, std::int32_t*);            \
  template void row_sigmoid(const A*, std::int64_t, std::int64_t, A*);                                         \
  template void reference::top_k(const A*, const A*, std::int64_t, std::int64_t, std::int64_t, std::int32_t*); \
  template void reference::row_sigmoid(const A*, std::int64_t, std::int64_t, A*);
SLUICE_INSTANTIATE(float)
SLUICE_INSTANTIATE(double)
#undef SLUICE_INSTANTIATE

}  // namespace sluice::kernels
