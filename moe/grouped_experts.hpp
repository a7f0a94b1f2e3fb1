// The experts that a rank owns: SwiGLU over rows sorted by expert, computed as grouped matrix products (core/ops/grouped_product.hpp).
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

/// Multiplies rows [R, in], sorted by group, by the transposed matrix of their group in the weight [L, out, in]. Returns [R, out]. counts
/// int64 [L] is the number of rows of each group. The weight's gradient goes to weight.gradient. `numerics` may transform rows and weight
/// before the product.
at::Tensor grouped_linear(const at::Tensor& rows, Parameter& weight, const at::Tensor& counts, const Numerics& numerics = {});

class GroupedExperts {
 public:
  /// The experts first_expert .. first_expert + count - 1 of a layer, by their numbers in the whole model. `layer` is its path, "layers.3".
  /// `options` are the model's element type and device (Parameter::make).
  GroupedExperts(const MoeConfig& config, std::int64_t hidden_size, const std::string& layer, std::int64_t first_expert, std::int64_t count,
                 const at::TensorOptions& options);

  /// Returns down(w * silu(gate(x)) * up(x)), [R, D], for the chunk's rows x [R, D] and their weights w [R]. If operations run on the CPU's
  /// kernels and the numerics slots are empty, this is one fused function, else forward_composed().
  at::Tensor forward(const parallel::ExpertChunk& chunk);
  /// The same from grouped_linear and the activation, each an autograd node of its own. Tests compare the fused function with it: they are
  /// equal to the last bit.
  at::Tensor forward_composed(const parallel::ExpertChunk& chunk);
  /// The counts of a chunk where these experts' products read them without a wait (ops::counts_for_products): a wait now, if they are not.
  at::Tensor counts_for_products(const at::Tensor& counts) const;
  /// Whether these weights are trained. The answer is the same on all ranks.
  bool learn() const { return gate_up.gradient.placed() || down.gradient.placed(); }
  void collect(std::vector<Parameter*>& parameters);

  Parameter gate_up;  // [L, 2F, D]
  Parameter down;     // [L, D, F]
  Numerics gate_up_numerics, down_numerics;
};

}  // namespace sluice::moe
