// Whole training steps on the CUDA forms of operations, on an emulated device: what the CPU's kernels give, in both orders of threads.
#include "tests/cuda_emulation/backend.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/equal_router_rows.hpp"
#include "tests/support/step_cases.hpp"

#include <optional>
#include <vector>

using namespace sluice;
using namespace sluice::recipes;
using namespace sluice::testing;

namespace {

struct Digits {
  StepResult first;
  std::vector<at::Tensor> gradients, values;
};

// Two steps: the gradients of the first, and what the model is after both.
Digits train(const StepCase& c, at::ScalarType type, std::optional<EmulatedOrder> order, Recompute recompute) {
  TrainModel model = model_of(c, type);
  std::optional<Emulated> emulated;
  if (order) emulated.emplace(*order);
  Digits digits;
  StepOptions options;
  options.micro_batch_size = 2;
  options.learning_rate = 1e-2;
  options.recompute = recompute;
  for (options.step = 1; options.step <= 2; ++options.step) {
    const StepResult result = step_of(model, tiny_batch(4, 6, c.config.vocab_size, static_cast<std::uint64_t>(options.step)), options);
    if (options.step > 1) continue;
    digits.first = result;
    for (const Parameter* p : model.parameters.trained()) digits.gradients.push_back(p->gradient.sum().clone());
  }
  for (const LeafView& view : leaves_of(model)) digits.values.push_back(view.value.clone());
  for (const moe::MoeFeedForward* slot : model.sparse) digits.values.push_back(slot->router.correction_bias.clone());
  return digits;
}

double farthest(const std::vector<at::Tensor>& found, const std::vector<at::Tensor>& expected) {
  double most = 0.0;
  for (std::size_t i = 0; i < expected.size(); ++i)
    most = std::max(most, ((found[i] - expected[i]).abs().max() / (expected[i].abs().max() + 1e-300)).item<double>());
  return most;
}

}  // namespace

TEST_CASE("a step on an emulated device is the CPU's in float64, and of the same bits in any order of threads and however recomputed") {
  for (const StepCase& c : step_cases()) {
    INFO(c.name);
    const Digits expected = train(c, at::kDouble, std::nullopt, Recompute::kNone);
    const Digits ascending = train(c, at::kDouble, EmulatedOrder::kAscending, Recompute::kNone);
    for (const auto& [name, value] : expected.first.terms) CHECK(ascending.first.terms.at(name) == Approx(value).epsilon(1e-11));
    CHECK(ascending.first.grad_norm == Approx(expected.first.grad_norm).epsilon(1e-11));
    CHECK(ascending.first.counts.experts == expected.first.counts.experts);
    CHECK(ascending.first.counts.dropped == expected.first.counts.dropped);
    CHECK(farthest(ascending.gradients, expected.gradients) < 1e-10);
    CHECK(farthest(ascending.values, expected.values) < 1e-9);
    for (const Recompute recompute : {Recompute::kNone, Recompute::kLayer, Recompute::kExperts}) {
      INFO(name_of(recompute));
      const Digits descending = train(c, at::kDouble, EmulatedOrder::kDescending, recompute);
      for (std::size_t i = 0; i < expected.values.size(); ++i) CHECK(descending.values[i].equal(ascending.values[i]));
    }
  }
}

TEST_CASE("equal router rows choose the lowest experts on an emulated device, whatever N, E and the element type") {
  for (const EmulatedOrder order : {EmulatedOrder::kAscending, EmulatedOrder::kDescending}) {
    const Emulated emulated(order);
    for (const at::ScalarType type : {at::kFloat, at::kDouble, at::kBFloat16}) {
      for (const moe::ScoreFunction score : {moe::ScoreFunction::kSoftmax, moe::ScoreFunction::kSigmoid}) {
        for (const std::int64_t num_experts : {8, 37, 128}) {
          INFO(at::toString(type) << ", " << name_of(score) << ", E " << num_experts);
          CHECK(wrong_choices_of_equal_rows(score, num_experts, type, {2, 33, 67}, {0, 31, 32, 66}) == 0);
        }
      }
    }
  }
}

TEST_CASE("in float32 and bfloat16 an emulated device comes as near to float64 as the CPU") {
  for (const StepCase& c : step_cases()) {
    const Digits exact = train(c, at::kDouble, std::nullopt, Recompute::kNone);
    for (const at::ScalarType type : {at::kFloat, at::kBFloat16}) {
      INFO(c.name << ", " << at::toString(type));
      const Digits cpu = train(c, type, std::nullopt, Recompute::kNone),
                   device = train(c, type, EmulatedOrder::kAscending, Recompute::kNone);
      const double allowed = type == at::kFloat ? 1e-5 : 2e-2;
      CHECK(std::abs(loss_of(device.first) - loss_of(exact.first)) < allowed);
      CHECK(std::abs(device.first.grad_norm / exact.first.grad_norm - 1.0) <
            2 * std::abs(cpu.first.grad_norm / exact.first.grad_norm - 1.0) + allowed);
    }
  }
}
