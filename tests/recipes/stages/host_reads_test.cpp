// How often a step makes the host wait for values: never on the way to its gradients and updates, except for one read of the counts of
// each exchange where experts are spread. Shown by a model without values (the meta device) and by an observer of LibTorch's functions.
#include "core/ops/backend.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/staged_memory.hpp"
#include "tests/support/tiny_model.hpp"

#include <ATen/record_function.h>
#include <torch/library.h>

#include <atomic>
#include <map>
#include <string>

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

// A step of four sequences on one rank; the counters tell of it afterwards.
void observe_step(std::int64_t micro_batch_size, moe::BalanceLoss balance) {
  TrainModel model = tiny_model(tiny_decoder(), sparse(2, balance), at::kDouble);
  StepOptions options;
  options.micro_batch_size = micro_batch_size;
  options.learning_rate = 1e-3;
  const Observer observer;
  step_of(model, tiny_batch(4, 8, tiny_decoder().vocab_size), options);
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
        model.optimizer.step(model.parameters, {}, 1e-3, 1.0);
        model.decoder->refresh_compute();
        for (const SlotCounts& slot : routing.slots()) {
          CHECK(slot.rows.is_meta());
          for (moe::MoeFeedForward* layer : model.sparse) layer->router.update_bias(slot.rows);
        }
      }
    }
  }
}

TEST_CASE("on composed operations a step reads its report alone, however many micro-batches it has") {
  std::map<std::int64_t, int> reads;
  for (const std::int64_t micro_batch_size : {4, 1}) {
    observe_step(micro_batch_size, moe::BalanceLoss::kGlobal);
    reads[micro_batch_size] = values_read;
    CHECK(counts_read == 0);
  }
  CHECK(reads[4] == reads[1]);
  // Three terms and the two sums of squares behind the norm.
  CHECK(reads[4] <= 5);
}

TEST_CASE("the real step needs no value of a device before its report") {
  // Where there are no values it comes as far as that, and says what it wanted.
  TrainModel model =
      build_model(tiny_decoder(), sparse(2, moe::BalanceLoss::kSequence), alone_layout(), at::TensorOptions(at::kFloat).device(at::kMeta));
  StepOptions options;
  options.micro_batch_size = 2;
  std::string wanted;
  try {
    gradients_of(model, tiny_batch(4, 8, model.config.vocab_size), options);
  } catch (const std::exception& error) {
    wanted = error.what();
  }
  INFO(wanted);
  CHECK(wanted.find("_local_scalar_dense") != std::string::npos);
  for (const Parameter* p : model.parameters.trained()) {
    INFO(p->name);
    CHECK(model.parameters.is_final(*p));
  }
}

TEST_CASE("copies to the host do not grow with micro-batches, but for rows on their way to other ranks") {
  const testing::StagedMemory staged;  // as a device's tensors are
  std::map<std::int64_t, int> copies;
  for (const std::int64_t micro_batch_size : {4, 2, 1}) {
    observe_step(micro_batch_size, moe::BalanceLoss::kSequence);
    copies[micro_batch_size] = copies_to_host;
  }
  CHECK(copies[4] == 0);
  CHECK(copies[1] == 0);
  CHECK(copies[2] == 0);
}

TEST_CASE("where experts are spread, the counts are read once a layer, micro-batch and pass forward, and never backward") {
  const LocalBatch batch = tiny_batch(4, 8, tiny_decoder().vocab_size);
  for (const std::int64_t micro_batch_size : {4, 2}) {
    const moe::MoeConfig moe = sparse(1, moe::BalanceLoss::kGlobal);
    TrainModel model = build_model(tiny_decoder(), moe, alone_layout(), at::kDouble, parallel::ExchangeKind::kFlat);
    initialize(model, 3);
    StepOptions options;
    options.micro_batch_size = micro_batch_size;
    const Observer observer;
    gradients_of(model, batch, options);
    const int micro_batches = static_cast<int>(4 / micro_batch_size), passes = micro_batches > 1 ? 2 : 1;  // the balance's pass comes first
    CHECK(counts_read == 2 * micro_batches * passes);
    CHECK(values_read <= 5);
  }
}
