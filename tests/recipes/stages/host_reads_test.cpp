// How often a step makes the host wait for values: never on the way to its gradients and updates, except for one read of the counts of
// each exchange where experts are spread; reports of steps read all at once. Shown by a model without values (the meta device) and by an
// observer of LibTorch's functions.
#include "core/ops/backend.hpp"
#include "tests/support/adamw_control.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/staged_memory.hpp"
#include "tests/support/tiny_model.hpp"

#include <ATen/record_function.h>
#include <torch/library.h>

#include <atomic>
#include <limits>
#include <string>
#include <vector>

using namespace sluice;
using namespace sluice::recipes;
using namespace sluice::testing;

namespace {

std::atomic<int> values_read{0}, counts_read{0}, copies_to_host{0};

// While it lives, functions that give the host a value, or a shape that depends on values, are counted; every operation runs composed.
class Observer {
 public:
  Observer() {
    values_read = counts_read = copies_to_host = 0;
    ops::use_composed(true);
    handle_ =
        at::addGlobalCallback(at::RecordFunctionCallback([](const at::RecordFunction& function) -> std::unique_ptr<at::ObserverContext> {
                                const std::string_view name = function.name();
                                if (name == "sluice::integers_of") ++counts_read;
                                if (name == "sluice::to_host") ++copies_to_host;
                                for (const char* reader : {"aten::_local_scalar_dense", "aten::nonzero", "aten::masked_select",
                                                           "aten::equal", "aten::is_nonzero"})
                                  if (name == reader) ++values_read;
                                return nullptr;
                              }).scopes({at::RecordScope::FUNCTION, at::RecordScope::BACKWARD_FUNCTION}));
  }
  ~Observer() {
    at::removeCallback(handle_);
    ops::use_composed(before_);
  }
  Observer(const Observer&) = delete;
  Observer& operator=(const Observer&) = delete;

 private:
  bool before_ = ops::uses_composed();
  at::CallbackHandle handle_{};
};

moe::MoeConfig sparse(std::int64_t family_size, moe::BalanceLoss balance) {
  moe::MoeConfig moe = tiny_moe();
  moe.num_experts = 8;
  moe.family_size = family_size;
  moe.balance_loss = balance;
  moe.num_shared_experts = 1;
  moe.capacity_factor = 1.0;
  moe.bias_update_rate = 0.01;
  moe.score_func = balance == moe::BalanceLoss::kSequence ? moe::ScoreFunction::kSigmoid : moe::ScoreFunction::kSoftmax;
  return moe;
}

// LibTorch's logsumexp needs it, which it has for this device in Python only.
at::Tensor& abs_out(const at::Tensor&, at::Tensor& out) { return out; }

}  // namespace

TORCH_LIBRARY_IMPL(aten, Meta, meta) { meta.impl("abs.out", abs_out); }

TEST_CASE("a sparse step runs where there are no values: routing, experts, terms, gradients, update and rules") {
  const auto meta = [](at::ScalarType type) { return at::TensorOptions(type).device(at::kMeta); };
  for (const at::ScalarType type : {at::kDouble, at::kBFloat16}) {
    for (const std::int64_t family_size : {1, 2}) {
      for (const moe::BalanceLoss balance : {moe::BalanceLoss::kGlobal, moe::BalanceLoss::kSequence, moe::BalanceLoss::kLagged}) {
        INFO(at::toString(type) << ", families of " << family_size << ", balance " << static_cast<int>(balance));
        TrainModel model = build_model(tiny_decoder(), sparse(family_size, balance), alone_layout(), meta(type));
        const ModelInput input = make_input(tiny_batch(2, 8, model.config.vocab_size), 0, 2, model.decoder->device());
        model.parameters.clear_gradients();
        const ForwardOutput output = model.decoder->forward(input.batch, nullptr, {1, "forward"});
        RoutingLedger routing;
        routing.add(output.statistics);
        const Objective objective = language_objective(model);
        StepReport report(objective.names());
        const StepCounts totals{16, 16};
        objective_share(objective, {input, output, totals, routing}, report).backward();
        for (const auto& term : objective.terms) term->close(totals, routing, report);
        model.parameters.close_gradients();
        for (const Parameter* p : model.parameters.trained()) {
          INFO(p->name);
          CHECK(p->gradient.sum().is_meta());
          CHECK(p->gradient.all_uses_done());
        }
        model.optimizer.step(model.parameters, {}, 1e-3, update_by(1.0).to(at::kMeta));
        model.decoder->refresh_compute();
        for (const SlotCounts& slot : routing.slots()) {
          CHECK(slot.rows.is_meta());
          for (moe::MoeFeedForward* layer : model.sparse) layer->router.update_bias(slot.rows);
        }
      }
    }
  }
}

TEST_CASE("a step reads nothing, however many micro-batches it has, and a report of several steps reads twice") {
  for (const std::int64_t micro_batch_size : {4, 1}) {
    TrainModel model = tiny_model(tiny_decoder(), sparse(2, moe::BalanceLoss::kGlobal), at::kDouble);
    StepOptions options;
    options.micro_batch_size = micro_batch_size;
    options.learning_rate = 1e-3;
    const testing::StagedMemory staged;  // as a device's tensors are
    const Observer observer;
    std::vector<StartedStep> steps;
    for (options.step = 1; options.step <= 3; ++options.step)
      steps.push_back(train_step(model, alone_layout(), tiny_batch(4, 8, tiny_decoder().vocab_size), language_objective(model), options));
    CHECK(values_read == 0);
    CHECK(counts_read == 0);
    CHECK(copies_to_host == 0);
    CHECK(finish_steps(model, alone_layout(), std::move(steps)).size() == 3);
    CHECK(values_read == 0);
    CHECK(copies_to_host == 2);  // the numbers, and the counts
  }
}

TEST_CASE("a whole step, its update and its rules, runs where there are no values to wait for") {
  for (const moe::BalanceLoss balance : {moe::BalanceLoss::kGlobal, moe::BalanceLoss::kSequence, moe::BalanceLoss::kLagged}) {
    for (const std::int64_t micro_batch_size : {4, 2}) {
      INFO("balance " << static_cast<int>(balance) << ", micro-batches of " << micro_batch_size);
      TrainModel model = build_model(tiny_decoder(), sparse(2, balance), alone_layout(), at::TensorOptions(at::kFloat).device(at::kMeta));
      StepOptions options;
      options.micro_batch_size = micro_batch_size;
      for (options.step = 1; options.step <= 2; ++options.step) {
        const StartedStep step =
            train_step(model, alone_layout(), tiny_batch(4, 8, model.config.vocab_size), language_objective(model), options);
        CHECK(step.numbers.is_meta());
        CHECK(step.numbers.sizes() == at::IntArrayRef{5});
      }
    }
  }
}

TEST_CASE("from a step that is not finite on nothing changes, and the report names that step") {
  TrainModel model = tiny_model(tiny_decoder(), sparse(1, moe::BalanceLoss::kGlobal), at::kDouble);
  StepOptions options;
  options.learning_rate = 1e-2;
  const LocalBatch batch = tiny_batch(4, 8, tiny_decoder().vocab_size);
  std::vector<StartedStep> steps;
  const auto go = [&] { steps.push_back(train_step(model, alone_layout(), batch, language_objective(model), options)); };
  options.step = 7;
  go();
  Parameter& weight = model.decoder->head();
  const double kept = weight.value.view({-1})[3].item<double>();
  weight.value.view({-1})[3] = std::numeric_limits<double>::quiet_NaN();
  weight.refresh_compute(model.decoder->type());
  options.step = 8;
  go();
  weight.value.view({-1})[3] = kept;  // later steps are finite again
  weight.refresh_compute(model.decoder->type());
  std::vector<at::Tensor> before;
  const auto state = [&] {
    std::vector<at::Tensor> all;
    for (const LeafView& view : leaves_of(model))
      all.insert(all.end(), {view.value.clone(), view.exp_avg.clone(), view.exp_avg_sq.clone()});
    for (const moe::MoeFeedForward* slot : model.sparse) all.push_back(slot->router.correction_bias.clone());
    return all;
  };
  before = state();
  options.step = 9;
  go();
  const std::vector<at::Tensor> after = state();
  for (std::size_t i = 0; i < before.size(); ++i) CHECK(before[i].equal(after[i]));
  std::string told;
  try {
    finish_steps(model, alone_layout(), steps);
  } catch (const Error& error) {
    told = error.what();
    CHECK(error.code() == ExitCode::kDiverged);
  }
  INFO(told);
  CHECK(told.starts_with("step 8: the loss is nan; first non-finite gradient: not known, later steps computed others"));
}

TEST_CASE("where experts are spread, the counts are read once a layer, micro-batch and pass forward, and never backward") {
  const LocalBatch batch = tiny_batch(4, 8, tiny_decoder().vocab_size);
  for (const std::int64_t micro_batch_size : {4, 2}) {
    for (const Recompute recompute : {Recompute::kNone, Recompute::kLayer, Recompute::kExperts}) {
      INFO(name_of(recompute));
      const moe::MoeConfig moe = sparse(1, moe::BalanceLoss::kGlobal);
      TrainModel model = build_model(tiny_decoder(), moe, alone_layout(), at::kDouble, parallel::ExchangeKind::kFlat);
      initialize(model, 3);
      StepOptions options;
      options.micro_batch_size = micro_batch_size;
      options.recompute = recompute;
      const Observer observer;
      compute_gradients(model, alone_layout(), batch, language_objective(model), options);
      const int micro_batches = static_cast<int>(4 / micro_batch_size), passes = micro_batches > 1 ? 2 : 1;  // the balance's pass first
      CHECK(counts_read == 2 * micro_batches * passes);
      CHECK(values_read == 0);
    }
  }
}
