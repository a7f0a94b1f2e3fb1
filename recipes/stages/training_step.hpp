// One training step: (pre-pass) -> forward and backward over micro-batches -> reduction -> clipping -> AdamW -> bias update.
#pragma once

#include "recipes/schema/recipe.hpp"
#include "recipes/stages/layout.hpp"
#include "recipes/stages/objective.hpp"
#include "recipes/stages/step_hooks.hpp"
#include "recipes/stages/train_model.hpp"

#include <cstdint>
#include <optional>
#include <vector>

namespace sluice::recipes {

/// This rank's part of a global batch.
struct LocalBatch {
  std::vector<std::int32_t> tokens;           // [sequences, length + 1], row-major
  std::vector<std::int64_t> sample_indices;   // [sequences], global
  std::int64_t length = 0;                    // T
  std::int64_t global_sequences = 0;          // of the whole step, over all ranks

  std::int64_t sequences() const { return static_cast<std::int64_t>(sample_indices.size()); }
};

struct StepOptions {
  std::int64_t step = 0;
  std::int64_t micro_batch_size = 8;
  double learning_rate = 0.0;
  double max_grad_norm = 1.0;
  AdamWConfig adamw;
  StepHooks hooks;
};

struct StepResult {
  double loss = 0.0;  // cross-entropy, nats per token
  double grad_norm = 0.0;
  std::optional<double> load_balancing_loss, z_loss;  // unscaled means over MoE layers
  std::vector<std::vector<std::int64_t>> expert_counts;  // by sparse layer, over all ranks
  double dropped_fraction = 0.0;
  double communication_seconds = 0.0;  // this rank waited for reductions
};

/// Whether this step runs a gradient-free pass over all micro-batches first, to know the whole step's counts.
bool needs_prepass(const TrainModel& model, std::int64_t micro_batches);

/// The gradients of the step, reduced over all ranks, are left in model.parameters; nothing is updated.
StepResult compute_gradients(TrainModel& model, const Layout& layout, const LocalBatch& batch, const StepOptions& options);

/// compute_gradients, then the update. Throws diverged_error (exit 5) before anything is changed if the loss or a gradient is
/// not finite, naming the step and the first such tensor.
StepResult train_step(TrainModel& model, const Layout& layout, const LocalBatch& batch, const StepOptions& options);

/// Collective: the canonical name of the first weight that is not finite, "" if all are.
std::string first_non_finite_weight(TrainModel& model, const Layout& layout, std::int64_t step);
/// Collective: diverged_error (exit 5) naming it, after an update.
void require_finite_weights(TrainModel& model, const Layout& layout, std::int64_t step);

/// Rows [begin, begin + count) of a batch of sequences as model input.
struct ModelInput {
  at::Tensor ids, targets;  // int64 [count * T]
  RowTable rows;
};
ModelInput make_input(const LocalBatch& batch, std::int64_t begin, std::int64_t count);

}  // namespace sluice::recipes
