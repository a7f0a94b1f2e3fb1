#include "recipes/stages/conversion_stage.hpp"

#include "core/base/error.hpp"
#include "core/base/log.hpp"
#include "recipes/schema/conversion.hpp"
#include "recipes/stages/convert_model.hpp"
#include "recipes/stages/model_io.hpp"
#include "recipes/stages/stage_plan.hpp"

#include <fmt/core.h>

#include <cmath>
#include <limits>

namespace sluice::recipes {
namespace {

const char* method_name(const Stage& stage) {
  switch (stage.method) {
    case ConversionMethod::kNone: return "";
    case ConversionMethod::kCopy: return "copy";
    case ConversionMethod::kVirtualGroup: return "virtual_group";
    case ConversionMethod::kFamily: return "family";
    case ConversionMethod::kDoubleTopK: return "double_top_k";
  }
  return "";
}

std::string exchange_name(const Stage& stage) {
  return stage.parallel.exchange == Exchange::kFlat ? "flat" : stage.parallel.exchange == Exchange::kLocal ? "local" : "auto";
}

// Replicas of growth by copy are equal in everything, and would stay so for ever: their router rows are parted by so much of their size.
constexpr double kReplicaNoise = 0.1;

// Collective. Ranks may round the held batch's pass differently; what is decided by it, or written down, is rank 0's.
double of_rank0(double value, const Layout& layout, std::int64_t step) {
  layout.world->start_broadcast(&value, sizeof value, 0, {"held batch", step, -1, "receipt"}).finish();
  return value;
}

// A flat router can only approximate a family's: of the scales tried, the one with the lowest held loss. They differ in the routers
// alone, so one model is made, and its routers for each scale.
TrainModel flatten_best(TrainModel& old, moe::ConversionShape shape, const Stage& stage, const Layout& layout, const EvaluationSet& held, std::uint64_t seed,
                        std::int64_t step, double& best_scale) {
  TrainModel model = convert_model(old, shape, layout, exchange_name(stage), seed, stage.optimizer_state == OptimizerState::kKeep);
  double best_loss = std::numeric_limits<double>::infinity();
  const auto rescale = [&](double scale) {
    shape.flatten_scale = scale;
    rescale_flattened(old, model, shape);
  };
  for (const double scale : {1.0, 2.0, 4.0, 8.0, 16.0, 32.0}) {
    rescale(scale);
    const double loss = of_rank0(run_held_batch(model, held, step).loss, layout, step);
    if (loss < best_loss) {
      best_loss = loss;
      best_scale = scale;
    }
  }
  if (!std::isfinite(best_loss))
    throw diverged_error("stage '{}': flatten at step {}: the held-batch loss is finite at no scale of the children's router rows; the model "
                         "diverged, resume from an earlier checkpoint with a lower learning_rate",
                         stage.name, step);
  rescale(best_scale);
  return model;
}

}  // namespace

ConversionOutcome run_conversion(TrainModel& old, const Recipe& recipe, std::size_t stage_index, const Layout& layout, const EvaluationSet& held, std::int64_t step) {
  const Stage& stage = recipe.stages[stage_index];
  static constexpr const char* kKinds[] = {"pretrain", "sparsify", "grow", "flatten"};
  const std::uint64_t seed = recipe.seed + 1000 * (stage_index + 1);
  const moe::ConversionShape shape{*conversion_kind(stage), old.config, old.moe, *stage.moe, 1.0};
  const HeldOutput before = run_held_batch(old, held, step);

  Receipt receipt;
  receipt.stage = stage.name;
  receipt.step = step;
  receipt.kind = kKinds[static_cast<std::size_t>(stage.type)];
  receipt.method = method_name(stage);
  receipt.exact = exact(conversion_of(recipe, stage_index)).exact;
  receipt.held_batch_sha256 = held_sha256(held);
  receipt.loss_before = of_rank0(before.loss, layout, step);
  const ParameterCount count_before = count_parameters(describe(old, -1));
  receipt.parameters_before = count_before.total;
  receipt.active_parameters_before = count_before.active;

  ConversionOutcome outcome;
  double scale = 0.0;
  if (stage.type == StageType::kFlatten) outcome.model = flatten_best(old, shape, stage, layout, held, seed, step, scale);
  else outcome.model = convert_model(old, shape, layout, exchange_name(stage), seed, stage.optimizer_state == OptimizerState::kKeep);
  spread_tokens(old, outcome.model, shape.kind, layout, held, step);
  const ParameterCount count_after = count_parameters(describe(outcome.model, -1));
  receipt.parameters_after = count_after.total;
  receipt.active_parameters_after = count_after.active;

  const auto measure = [&](Receipt r) {
    const HeldOutput after = run_held_batch(outcome.model, held, step);
    r.loss_after = of_rank0(after.loss, layout, step);
    r.max_abs_logit_difference = of_rank0(max_logit_difference(old, before, outcome.model, after), layout, step);
    outcome.receipts.push_back(std::move(r));
  };
  measure(receipt);
  std::string note;
  const std::int64_t copies = old.moe ? stage.moe->num_experts / old.moe->num_experts : 1;
  if (stage.method == ConversionMethod::kDoubleTopK) {
    // Twins that share every token get the same gradients for ever; rows parted as far as families are apart let them specialise
    // before top_k anneals, so that top-k does not collapse onto twins.
    part_twins(outcome.model, 1.0, seed);
    note = "twins' router rows parted";
  }
  if (shape.kind == moe::ConversionKind::kGrowCopy) {
    part_replicas(outcome.model, copies, kReplicaNoise, seed);
    note = fmt::format("replicas' router rows parted by noise {}", kReplicaNoise);
  }
  if (stage.weight_noise > 0 || stage.reinit_fraction > 0) {
    perturb_experts(outcome.model, stage.weight_noise, stage.reinit_fraction, copies, seed);
    if (!note.empty()) note += ", ";
    note += fmt::format("weight_noise {}, reinit_fraction {}", stage.weight_noise, stage.reinit_fraction);
  }
  if (!note.empty()) {
    receipt.note = "after " + note;
    receipt.exact = false;  // what the recipe promises is the first receipt's
    measure(receipt);
  }
  if (stage.type == StageType::kFlatten) log_info("flatten: children's router rows at scale {:g} beside their family's (lowest held loss)", scale);
  return outcome;
}

}  // namespace sluice::recipes
