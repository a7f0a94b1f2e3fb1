// The experts a rank owns: SwiGLU over rows sorted by expert, as grouped matrix products.
// Native bfloat16 products are made with row counts of a grid (row_grid.hpp): a group gets zero rows below its own, whose results are
// dropped and whose part of a weight's gradient is zero. A value differs from that of the bare rows by no more than what the library's
// kernel for another number of rows rounds otherwise. Products in float32 and float64 are made with the rows as they are.
// Legend: R rows, L owned experts, D model width, F expert width.
#pragma once

#include "core/nn/numerics.hpp"
#include "core/nn/parameter.hpp"
#include "parallel/token_exchange.hpp"

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace sluice::moe {

/// Rows sorted by group [R, in] times each group's weight [L, out, in] -> [R, out]; the weight's gradient goes to weight.gradient.
at::Tensor grouped_linear(const at::Tensor& rows, Parameter& weight, const std::vector<std::int64_t>& counts, const Numerics& numerics = {});

/// Runs work(e) for every group with rows, the largest first, on the threads of this rank; a group larger than a thread's
/// fair share runs alone with all threads. The result does not depend on who ran what.
void for_each_group(const std::vector<std::int64_t>& counts, const std::function<void(std::int64_t group, std::int64_t begin, std::int64_t rows)>& work);

class GroupedExperts {
 public:
  /// Experts first_expert .. first_expert + count - 1 of the layer with prefix e.g. "model.layers.3.mlp"; leaves carry global ids.
  /// options: the model's (Parameter::make).
  GroupedExperts(const std::string& prefix, std::int64_t first_expert, std::int64_t count, std::int64_t hidden_size, std::int64_t expert_hidden_size,
                 const at::TensorOptions& options);

  /// Weighted rows: down(w * silu(gate(x)) * up(x)). One fused function while the numerics slots are empty.
  at::Tensor forward(const parallel::ExpertChunk& chunk);
  /// The same from grouped_linear and the activation, each a node of its own: the fused function's oracle, to the last bit.
  at::Tensor forward_composed(const parallel::ExpertChunk& chunk);
  void collect(std::vector<Parameter*>& parameters);

  Parameter gate_up;  // [L, 2F, D]
  Parameter down;     // [L, D, F]
  Numerics gate_up_numerics, down_numerics;
};

}  // namespace sluice::moe
