#include "core/kernels/swiglu.hpp"

#include "core/kernels/parallel_blocks.hpp"
#define SLUICE_ISA_BODY "core/kernels/swiglu.inc"
#include "core/kernels/simd/for_each_isa.inc"

namespace sluice::kernels {

template <class T>
void swiglu_forward(const T* gate_up, const AccumulateOf<T>* row_weight, std::int64_t rows, std::int64_t F, T* h) {
  const auto block = SLUICE_FOR_THIS_CPU(swiglu_forward_rows<T>);
  parallel_blocks(rows, rows_per_block(F), [&](std::int64_t begin, std::int64_t end) {
    block(gate_up + begin * 2 * F, row_weight ? row_weight + begin : nullptr, end - begin, F, h + begin * F);
  });
}

template <class T>
void swiglu_backward(const T* dh, const T* gate_up, const AccumulateOf<T>* row_weight, std::int64_t rows, std::int64_t F, T* d_gate_up,
                     AccumulateOf<T>* d_row_weight, T* h) {
  const auto block = h ? SLUICE_FOR_THIS_CPU(swiglu_backward_rows<T, true>) : SLUICE_FOR_THIS_CPU(swiglu_backward_rows<T, false>);
  parallel_blocks(rows, rows_per_block(F), [&](std::int64_t begin, std::int64_t end) {
    block(dh + begin * F, gate_up + begin * 2 * F, row_weight ? row_weight + begin : nullptr, end - begin, F, d_gate_up + begin * 2 * F,
          d_row_weight ? d_row_weight + begin : nullptr, h ? h + begin * F : nullptr);
  });
}

namespace reference {

template <class T>
void swiglu_forward(const T* gate_up, const AccumulateOf<T>* row_weight, std::int64_t rows, std::int64_t F, T* h) {
  for (std::int64_t row = 0; row < rows; ++row) {
    const double weight = row_weight ? row_weight[row] : 1;
    for (std::int64_t i = 0; i < F; ++i) {
      const double gate = widen(gate_up[row * 2 * F + i]), up = widen(gate_up[row * 2 * F + F + i]);
      narrow(weight * (gate / (1 + std::exp(-gate))) * up, h[row * F + i]);
    }
  }
}

template <class T>
void swiglu_backward(const T* dh, const T* gate_up, const AccumulateOf<T>* row_weight, std::int64_t rows, std::int64_t F, T* d_gate_up,
                     AccumulateOf<T>* d_row_weight, T* h) {
  for (std::int64_t row = 0; row < rows; ++row) {
    const double weight = row_weight ? row_weight[row] : 1;
    double weight_gradient = 0;
    for (std::int64_t i = 0; i < F; ++i) {
      const double gate = widen(gate_up[row * 2 * F + i]), up = widen(gate_up[row * 2 * F + F + i]);
      const double gradient = widen(dh[row * F + i]);
      const double sigmoid = 1 / (1 + std::exp(-gate));
      const double silu = gate * sigmoid;
      weight_gradient += gradient * silu * up;
      narrow(gradient * weight * up * sigmoid * (1 + gate * (1 - sigmoid)), d_gate_up[row * 2 * F + i]);
      narrow(gradient * weight * silu, d_gate_up[row * 2 * F + F + i]);
      if (h) narrow(weight * silu * up, h[row * F + i]);
    }
    if (d_row_weight) d_row_weight[row] = static_cast<AccumulateOf<T>>(weight_gradient);
  }
}

}  // namespace reference

#define SLUICE_INSTANTIATE(T)                                                                                                            \
  template void swiglu_forward(const T*, const AccumulateOf<T>*, std::int64_t, std::int64_t, T*);                                        \
  template void swiglu_backward(const T*, const T*, const AccumulateOf<T>*, std::int64_t, std::int64_t, T*, AccumulateOf<T>*, T*);       \
  template void reference::swiglu_forward(const T*, const AccumulateOf<T>*, std::int64_t, std::int64_t, T*);                             \
  template void reference::swiglu_backward(const T*, const T*, const AccumulateOf<T>*, std::int64_t, std::int64_t, T*, AccumulateOf<T>*, \
                                           T*);
SLUICE_INSTANTIATE(float)
SLUICE_INSTANTIATE(double)
SLUICE_INSTANTIATE(BFloat16)
#undef SLUICE_INSTANTIATE

}  // namespace sluice::kernels
