// The experts a rank owns: SwiGLU over rows sorted by expert, as grouped matrix products (core/ops/grouped_product.hpp).
// Legend: R rows, L owned experts, D model width, F expert width.
#pragma once

#include "core/nn/numerics.hpp"
#include "core/nn/parameter.hpp"
#include "moe/plan/moe_config.hpp"
#include "parallel/token_exchange.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace sluice::moe {

/// Rows sorted by group [R, in] times each group's weight [L, out, in] -> [R, out]; counts int64 [L] as in core/ops/grouped_product.hpp.
/// The weight's gradient goes to weight.gradient.
at::Tensor grouped_linear(const at::Tensor& rows, Parameter& weight, const at::Tensor& counts, const Numerics& numerics = {});

class GroupedExperts {
 public:
  /// Experts first_expert .. first_expert + count - 1 of a layer, by their numbers in the whole model. `layer`: its path, "layers.3".
  /// options: the model's (Parameter::make).
  GroupedExperts(const MoeConfig& config, std::int64_t hidden_size, const std::string& layer, std::int64_t first_expert, std::int64_t count,
                 const at::TensorOptions& options);

  /// Weighted rows: down(w * silu(gate(x)) * up(x)). One fused function on the CPU's kernels while the numerics slots are empty.
  at::Tensor forward(const parallel::ExpertChunk& chunk);
  /// The same from grouped_linear and the activation, each a node of its own: the fused function's oracle, to the last bit.
  at::Tensor forward_composed(const parallel::ExpertChunk& chunk);
  /// Whether their weights want a gradient: the same on all ranks.
  bool learn() const { return gate_up.gradient.placed() || down.gradient.placed(); }
  void collect(std::vector<Parameter*>& parameters);

  Parameter gate_up;  // [L, 2F, D]
  Parameter down;     // [L, D, F]
  Numerics gate_up_numerics, down_numerics;
};

}  // namespace sluice::moe
