#include "recipes/stages/conversion_stage.hpp"

#include "core/base/error.hpp"
#include "core/base/log.hpp"
#include "recipes/schema/conversion.hpp"
#include "recipes/stages/balanced_routers.hpp"
#include "recipes/stages/convert_model.hpp"
#include "recipes/stages/layer_inputs.hpp"
#include "recipes/stages/model_io.hpp"
#include "recipes/stages/stage_plan.hpp"

#include <fmt/format.h>

#include <cmath>
#include <limits>
#include <numbers>

namespace sluice::recipes {
namespace {

// Replicas of growth by copy are equal and would stay equal for ever. So their router rows are made different, by noise of this size
// relative to the rows.
constexpr double kReplicaNoise = 0.1;

// Collective. Returns rank 0's value on every rank: ranks may round the pass over the held batch differently, and decisions and receipts
// must be the same on all of them.
double of_rank0(double value, const Layout& layout, std::int64_t step) {
  layout.world->start_broadcast(&value, sizeof value, 0, {"held batch", step, "", "receipt"}).finish();
  return value;
}

constexpr double kTwinNoise = 1.0;  // the same for the rows of twins, which become as different as rows of different families

// Flattens the model. A flat router can only approximate a family router, so several scales of the children's rows are tried and the one
// with the lowest loss on the held batch is kept. If rows are to be balanced, each scale is also tried with rows shifted to share out
// tokens evenly. The candidates differ in the routers alone, so one model is made and only its routers are replaced.
TrainModel flatten_best(const BalancingText& from, moe::Conversion shape, const Stage& stage, const EvaluationSet& held, std::uint64_t seed,
                        std::string& choice) {
  static const std::vector<double> kScales = {1.0, 2.0, 4.0, 8.0, 16.0, 32.0};
  TrainModel model =
      convert_model(from.old, shape, from.layout, stage.parallel.exchange, seed, stage.optimizer_state == OptimizerState::kKeep);
  std::vector<std::vector<at::Tensor>> evened;
  if (shape.after.router_init == moe::RouterInit::kBalanced) evened = evened_flat_rows(from, model, shape, kScales);
  double best_loss = std::numeric_limits<double>::infinity();
  const auto make = [&](std::size_t i, bool even) {
    shape.flatten_scale = kScales[i];
    if (even) set_gates(model, evened[i]);
    else rescale_flattened(from.old, model, shape);
  };
  std::size_t best_index = 0;
  bool best_evened = false;
  for (std::size_t i = 0; i < kScales.size(); ++i) {
    for (const bool even : {false, true}) {
      if (even && evened.empty()) continue;
      make(i, even);
      const double loss = of_rank0(run_held_batch(model, held, from.step).loss, from.layout, from.step);
      if (!(loss < best_loss)) continue;
      best_loss = loss;
      best_index = i;
      best_evened = even;
    }
  }
  if (!std::isfinite(best_loss))
    throw diverged_error(
        "stage '{}': flatten at step {}: the held-batch loss is finite at no scale of the children's router rows; the model "
        "diverged, resume from an earlier checkpoint with a lower learning_rate",
        stage.name, from.step);
  make(best_index, best_evened);
  choice = fmt::format("children's router rows at scale {:g} beside their family's{}", kScales[best_index],
                       best_evened ? ", shifted to share out tokens evenly" : "");
  return model;
}

// The tokens that are inputs of sequences [begin, end).
std::vector<std::int32_t> inputs_of(const EvaluationSet& set, std::int64_t begin, std::int64_t end) {
  std::vector<std::int32_t> inputs;
  for (std::int64_t i = begin; i < end; ++i) {
    const auto first = set.tokens.begin() + i * (set.length + 1);
    inputs.insert(inputs.end(), first, first + set.length);
  }
  return inputs;
}

void add_loads(Receipt& receipt, const moe::MoeConfig& moe, const std::vector<std::vector<std::int64_t>>& counts,
               const std::vector<std::int32_t>& inputs) {
  for (std::size_t i = 0; i < counts.size(); ++i) receipt.loads.push_back(receipt_load(moe.layers[i], counts[i]));
  receipt.load_tokens = static_cast<std::int64_t>(inputs.size());
  receipt.load_bound = load_bound(inputs, moe.num_experts, moe.top_k);
}

// Warns of nodes of families that get hardly any token of the text: their children cannot divide it, nor will they learn to.
void warn_of_unreached(const Stage& stage, const TrainModel& model, const std::vector<std::vector<std::int64_t>>& counts,
                       std::int64_t tokens) {
  // A node is warned of below 8 tokens or, if few tokens are looked at, below a tenth of an even load.
  const auto nodes_of_layer = static_cast<std::int64_t>(counts.front().size() / 2);
  const std::int64_t fewest = std::min<std::int64_t>(8, tokens * model.moe->top_k / (10 * nodes_of_layer));
  std::int64_t unreached = 0, nodes = 0;
  std::string layers;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    std::int64_t here = 0;
    for (std::size_t e = 0; e < counts[i].size(); e += 2) here += counts[i][e] + counts[i][e + 1] < fewest ? 1 : 0;
    nodes += static_cast<std::int64_t>(counts[i].size() / 2);
    unreached += here;
    if (here > 0) layers += fmt::format("{}{}", layers.empty() ? "" : ", ", model.moe->layers[i]);
  }
  if (unreached == 0) return;
  const std::string few =
      fewest <= 1 ? fmt::format("none of {} tokens", tokens) : fmt::format("fewer than {} of {} tokens", fewest, tokens);
  log_warning(
      "stage '{}': {} of all layers' {} family nodes (in layers: {}) are reached by {}, too few to part among their children: balance the "
      "stage "
      "before it more (aux_loss_coef), give it more steps, or nest families less deep",
      stage.name, unreached, nodes, layers, few);
}

}  // namespace

ConversionOutcome run_conversion(parallel::World& world, TrainModel& old, const Recipe& recipe, std::size_t stage_index,
                                 const Layout& layout, const ConversionText& text, std::int64_t step) {
  const EvaluationSet& held = text.held;
  const Stage& stage = recipe.stages[stage_index];
  const std::uint64_t seed = old.own_seed(recipe.seed + 1000 * (stage_index + 1));
  const moe::Conversion shape{*stage.conversion, old.config, old.moe, *stage.moe, 1.0};
  const moe::ConversionRule& rule = moe::rule_of(shape.kind);
  const HeldOutput before = run_held_batch(old, held, step);

  Receipt receipt;
  receipt.stage = stage.name;
  receipt.step = step;
  receipt.conversion = shape.kind;
  receipt.exact = moe::exactness(conversion_of(recipe, stage_index)).exact;
  receipt.held_batch_sha256 = held_sha256(held);
  receipt.loss_before = of_rank0(before.loss, layout, step);
  const ParameterCount count_before = count_parameters(describe(old, -1));
  receipt.parameters_before = count_before.total;
  receipt.active_parameters_before = count_before.active;

  ConversionOutcome outcome;
  const bool balanced = stage.moe->router_init == moe::RouterInit::kBalanced;
  const std::int64_t half = text.sequences.sequences() / 2;
  const BalancingText balancing{world, layout, old, text.sequences, half, step};
  if (shape.kind == moe::ConversionKind::kFlatten) outcome.model = flatten_best(balancing, shape, stage, held, seed, receipt.choice);
  else outcome.model = convert_model(old, shape, layout, stage.parallel.exchange, seed, stage.optimizer_state == OptimizerState::kKeep);
  const bool perturbed = stage.weight_noise > 0 || stage.reinit_fraction > 0;
  // An exact conversion computes the same function with any new rows. If its experts are perturbed, balanced rows are made only after that.
  if (balanced && !(perturbed && receipt.exact)) balance_new_rows(balancing, outcome.model, shape, receipt.exact, seed);
  if (!balanced) spread_tokens(old, outcome.model, rule.new_rows(), layout, held, step);
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
  std::vector<std::string> notes;
  const std::int64_t copies = old.moe ? stage.moe->num_experts / old.moe->num_experts : 1;
  if (perturbed) {
    perturb_experts(outcome.model, stage.weight_noise, stage.reinit_fraction, copies, seed);
    // Perturbed experts change the inputs of later layers, so rows made on the old inputs would not share out the new ones evenly.
    if (balanced) balance_new_rows(balancing, outcome.model, shape, false, seed);
  }
  if (rule.replicas() == moe::Replicas::kTwins) {
    // Twins that share every token get the same gradients for ever. Rows that differ as much as those of different families let them
    // specialise before top_k anneals, so that the top-k choice does not fall on both twins of one pair.
    // The difference of two rows has a standard deviation sqrt(2) times that of one row.
    if (balanced) part_evenly(balancing, outcome.model, copies, std::numbers::sqrt2 * kTwinNoise, seed);
    else part_twins(outcome.model, kTwinNoise, seed);
    notes.push_back(balanced ? "twins' router rows parted evenly" : "twins' router rows parted");
  }
  if (rule.replicas() == moe::Replicas::kCopies) {
    if (balanced) part_evenly(balancing, outcome.model, copies, kReplicaNoise, seed);
    else part_replicas(outcome.model, copies, kReplicaNoise, seed);
    notes.push_back(fmt::format("replicas' router rows parted {}by noise {}", balanced ? "evenly " : "", kReplicaNoise));
  }
  if (perturbed) notes.push_back(fmt::format("weight_noise {}, reinit_fraction {}", stage.weight_noise, stage.reinit_fraction));
  if (!notes.empty()) {
    receipt.note = fmt::format("after {}", fmt::join(notes, ", "));
    receipt.exact = false;  // the recipe promises exactness only for the first receipt
    measure(receipt);
  }
  const auto counts = expert_counts(outcome.model, layout, text.sequences, half, 2 * half, stage.train.micro_batch_size, step);
  add_loads(outcome.receipts.back(), *outcome.model.moe, counts, inputs_of(text.sequences, half, 2 * half));
  if (rule.new_rows() == moe::NewRows::kFamilyGate && layout.rank() == 0)
    warn_of_unreached(stage, outcome.model, counts, outcome.receipts.back().load_tokens);
  return outcome;
}

}  // namespace sluice::recipes
