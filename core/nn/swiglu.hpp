// SwiGLU without biases: down(silu(gate(x)) * up(x)) (Shazeer 2020), gate and up as one product.
#pragma once

#include "core/nn/feed_forward.hpp"

namespace sluice {

/// silu(g) * u for rows [R, 2F] = [g | u] -> [R, F], times row_weights [R] (accumulation precision) if given; rounded once.
at::Tensor swiglu_activation(const at::Tensor& gate_up, const at::Tensor& row_weights = {});

class DenseFeedForward : public FeedForward {
 public:
  /// `tensors`: gate, up and down (swiglu_tensors). options: those of the model (Parameter::make).
  DenseFeedForward(const std::vector<ModelTensor>& tensors, const at::TensorOptions& options);
  SlotOutput forward(const at::Tensor& x, const RowTable& rows, const StepContext& context) override;
  void collect(std::vector<Parameter*>& parameters) override;

  Parameter gate_up;  // [2F, D]: gate rows, then up rows
  Parameter down;     // [D, F]
  Numerics gate_up_numerics, down_numerics;
};

}  // namespace sluice
