// Recomputing a part in backward changes no bit of a step, whatever the part, and takes less memory.
#include "tests/support/catch.hpp"
#include "tests/support/step_cases.hpp"
#include "tests/support/tensor_memory.hpp"

#include <string>
#include <vector>

using namespace sluice;
using namespace sluice::recipes;
using namespace sluice::testing;

namespace {

constexpr Recompute kModes[] = {Recompute::kLayer, Recompute::kAttention, Recompute::kExperts};

struct Digits {
  StepResult result;
  std::vector<at::Tensor> gradients;
};

Digits digits(const StepCase& c, at::ScalarType type, Recompute recompute, std::int64_t micro_batch_size) {
  TrainModel model = model_of(c, type);
  StepOptions options;
  options.micro_batch_size = micro_batch_size;
  options.recompute = recompute;
  const LocalBatch batch = tiny_batch(4, 8, c.config.vocab_size);
  Digits digits;
  digits.result = gradients_of(model, batch, options);
  for (const Parameter* p : model.parameters.trained()) digits.gradients.push_back(p->gradient.sum().clone());
  return digits;
}

}  // namespace

TEST_CASE("each way to recompute gives the gradients, losses and counts of none, to the last bit") {
  for (const StepCase& c : step_cases()) {
    for (const at::ScalarType type : {at::kDouble, at::kFloat, at::kBFloat16}) {
      for (const std::int64_t micro_batch_size : {4, 2}) {
        const Digits kept = digits(c, type, Recompute::kNone, micro_batch_size);
        for (const Recompute recompute : kModes) {
          INFO(c.name << ", " << at::toString(type) << ", micro-batches of " << micro_batch_size << ", " << name_of(recompute));
          const Digits again = digits(c, type, recompute, micro_batch_size);
          CHECK(again.result.terms == kept.result.terms);
          CHECK(again.result.grad_norm == kept.result.grad_norm);
          CHECK(again.result.counts.experts == kept.result.counts.experts);
          CHECK(again.result.counts.dropped == kept.result.counts.dropped);
          REQUIRE(again.gradients.size() == kept.gradients.size());
          for (std::size_t i = 0; i < kept.gradients.size(); ++i) CHECK(again.gradients[i].equal(kept.gradients[i]));
        }
      }
    }
  }
}

TEST_CASE("uses are counted in the first pass and done in the second: when backward ends, and not before, every gradient is final") {
  for (const StepCase& c : step_cases()) {
    for (const Recompute recompute : {Recompute::kNone, Recompute::kLayer, Recompute::kAttention, Recompute::kExperts}) {
      INFO(c.name << ", " << name_of(recompute));
      TrainModel model = model_of(c, at::kDouble);
      const ModelInput input = make_input(tiny_batch(2, 8, c.config.vocab_size), 0, 2, at::kCPU);
      model.parameters.clear_gradients();
      const ForwardOutput output = model.decoder->forward(input.batch, nullptr, {1, "forward", recompute});
      RoutingLedger routing;
      routing.add(output.statistics);
      const Objective objective = language_objective(model);
      StepReport report(objective.names());
      const at::Tensor share = objective_share(objective, {input, output, StepCounts{16, 16}, routing}, report);
      model.parameters.all_uses_opened();
      // The head's gradient is computed with the loss; all others wait for backward.
      const Parameter& first = *model.parameters.trained()[1];
      CHECK(!model.parameters.is_final(first));
      share.backward();
      for (const Parameter* p : model.parameters.trained()) {
        INFO(p->name);
        CHECK(model.parameters.is_final(*p));
      }
    }
  }
}

TEST_CASE("what is recomputed is not kept") {
  DecoderConfig config = tiny_decoder();
  config.num_layers = 6;
  moe::MoeConfig moe = tiny_moe();
  moe.layers = {0, 1, 2, 3, 4, 5};
  const auto peak = [&](Recompute recompute) {
    TrainModel model = model_of({"", config, moe}, at::kFloat);
    StepOptions options;
    options.micro_batch_size = 16;
    options.recompute = recompute;
    const LocalBatch batch = tiny_batch(16, 32, config.vocab_size);
    return peak_bytes_of([&] { gradients_of(model, batch, options); });
  };
  const std::int64_t none = peak(Recompute::kNone), layer = peak(Recompute::kLayer), attention = peak(Recompute::kAttention),
                     experts = peak(Recompute::kExperts);
  INFO("none " << none << ", layer " << layer << ", attention " << attention << ", experts " << experts);
  CHECK(layer < none / 2);
  CHECK(attention < none * 9 / 10);
  CHECK(experts < none * 9 / 10);
  CHECK(layer < attention);
  CHECK(layer < experts);
}
