// Windows of a step: what is input, what is target, for every length and every cut into micro-batches.
#include "recipes/stages/training_step.hpp"

#include "core/tensor/pointers.hpp"
#include "recipes/stages/evaluation.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/tiny_model.hpp"

#include <cmath>

using namespace sluice;
using namespace sluice::recipes;
using namespace sluice::testing;

namespace {

StepOptions in_micro_batches_of(std::int64_t size) {
  StepOptions options;
  options.micro_batch_size = size;
  return options;
}

}  // namespace

TEST_CASE("the target of a token is the next one, in contiguous memory, at every length") {
  for (const std::int64_t length : {1, 2, 7}) {
    INFO("length " << length);
    const LocalBatch batch = tiny_batch(5, length, 37);
    for (const std::int64_t begin : {0, 2}) {
      for (const std::int64_t count : {1, 3}) {
        const ModelInput input = make_input(batch, begin, count, at::kCPU);
        const auto* ids = data_of<const std::int64_t>(input.batch.ids);
        const auto* targets = data_of<const std::int64_t>(input.targets);
        int wrong = 0;
        for (std::int64_t i = 0; i < count * length; ++i) {
          const std::int64_t at = (begin + i / length) * (length + 1) + i % length;
          wrong += ids[i] != batch.tokens[static_cast<std::size_t>(at)] || targets[i] != batch.tokens[static_cast<std::size_t>(at + 1)];
        }
        CHECK(wrong == 0);
      }
    }
  }
}

TEST_CASE("at one token a sequence, loss and gradients do not depend on the micro-batch, evaluation not on its batch") {
  const LocalBatch batch = tiny_batch(8, 1, tiny_decoder().vocab_size);
  for (const bool sparse : {false, true}) {
    TrainModel model = tiny_model(tiny_decoder(), sparse ? std::optional(tiny_moe()) : std::nullopt, at::kDouble);
    const StepResult one = gradients_of(model, batch, in_micro_batches_of(1));
    for (const std::int64_t micro : {2, 3, 8}) {
      const StepResult many = gradients_of(model, batch, in_micro_batches_of(micro));
      CHECK(std::abs(loss_of(many) - loss_of(one)) <= 1e-12);
      CHECK(std::abs(many.grad_norm - one.grad_norm) <= 1e-11 * one.grad_norm);
    }
    EvaluationSet set;
    set.length = 1;
    set.tokens = batch.tokens;
    set.target_bytes = 8;
    for (const std::int64_t size : {1, 2, 5, 1000})
      CHECK(std::abs(evaluate(model, alone_layout(), set, size, 0).loss - loss_of(one)) <= 1e-12);
  }
}
