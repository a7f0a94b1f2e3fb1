#include "core/kernels/router_logits.hpp"

#include <type_traits>
#include <vector>

#include "core/kernels/parallel_blocks.hpp"
#define SLUICE_ISA_BODY "core/kernels/router_logits.inc"
#include "core/kernels/simd/for_each_isa.inc"

namespace sluice::kernels {

template <class T>
void router_logits(const T* x, const AccumulateOf<T>* w, std::int64_t N, std::int64_t E, std::int64_t D, AccumulateOf<T>* out) {
  using A = AccumulateOf<T>;
  const auto block = SLUICE_FOR_THIS_CPU(router_logits_rows<A>);
  parallel_blocks(N, rows_per_block(D), [&](std::int64_t begin, std::int64_t end) {
    if constexpr (std::is_same_v<T, A>) {
      block(x + begin * D, w, end - begin, E, D, out + begin * E);
    } else {
      std::vector<A> widened(static_cast<std::size_t>((end - begin) * D));
      for (std::int64_t i = 0; i < (end - begin) * D; ++i) widened[i] = widen(x[begin * D + i]);
      block(widened.data(), w, end - begin, E, D, out + begin * E);
    }
  });
}

namespace reference {

template <class T>
void router_logits(const T* x, const AccumulateOf<T>* w, std::int64_t N, std::int64_t E, std::int64_t D, AccumulateOf<T>* out) {
  for (std::int64_t n = 0; n < N; ++n) {
    for (std::int64_t e = 0; e < E; ++e) {
      double sum = 0;
      for (std::int64_t i = 0; i < D; ++i) sum += static_cast<double>(widen(x[n * D + i])) * w[e * D + i];
      out[n * E + e] = static_cast<AccumulateOf<T>>(sum);
    }
  }
}

}  // namespace reference

#define SLUICE_INSTANTIATE(T)                                                                                                \
  template void router_logits(const T*, const AccumulateOf<T>*, std::int64_t, std::int64_t, std::int64_t, AccumulateOf<T>*); \
  template void reference::router_logits(const T*, const AccumulateOf<T>*, std::int64_t, std::int64_t, std::int64_t, AccumulateOf<T>*);
SLUICE_INSTANTIATE(float)
SLUICE_INSTANTIATE(double)
SLUICE_INSTANTIATE(BFloat16)
#undef SLUICE_INSTANTIATE

}  // namespace sluice::kernels
