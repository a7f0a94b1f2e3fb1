// SwiGLU without biases (Shazeer 2020): down(silu(gate(x)) * up(x)), with gate and up computed as one product. Legend: R rows, D model
// width, F width of the feed-forward.
#pragma once

#include "core/nn/feed_forward.hpp"

namespace sluice {

/// Returns silu(g) * u, [R, F], for rows gate_up [R, 2F] = [g | u]. If row_weights [R] (in the accumulation type) are given, each row is
/// multiplied by its weight. The result is rounded once.
at::Tensor swiglu_activation(const at::Tensor& gate_up, const at::Tensor& row_weights = {});

/// A dense feed-forward, the same for every row.
class DenseFeedForward : public FeedForward {
 public:
  /// `tensors` are gate, up and down (swiglu_tensors). `options` are the model's element type and device (Parameter::make).
  DenseFeedForward(const std::vector<ModelTensor>& tensors, const at::TensorOptions& options);
  SlotOutput forward(const at::Tensor& x, const RowTable& rows, const StepContext& context) override;
  void collect(std::vector<Parameter*>& parameters) override;

  Parameter gate_up;  // [2F, D]: the rows of gate, then those of up
  Parameter down;     // [D, F]
  Numerics gate_up_numerics, down_numerics;
};

}  // namespace sluice
