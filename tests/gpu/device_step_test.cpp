// Training steps on a real device: the CPU's gradients, equal bits in every run, no wait for the host, and the memory that is told.
#include "core/ops/cuda.hpp"
#include "core/tensor/cuda_device.hpp"
#include "core/tensor/device_settings.hpp"
#include "core/tensor/dtype_map.hpp"
#include "recipes/run/memory_estimate.hpp"
#include "recipes/stages/memory_shape.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/equal_router_rows.hpp"
#include "tests/support/gpu_device.hpp"
#include "tests/support/step_cases.hpp"

#include <c10/cuda/CUDACachingAllocator.h>
#include <c10/cuda/CUDAFunctions.h>

#include <string>
#include <vector>

using namespace sluice;
using namespace sluice::recipes;
using namespace sluice::testing;

namespace {

// Experts of whole 16 bytes a row, as native products want them.
std::vector<StepCase> cases() { return step_cases(16); }

TrainModel model_on(at::Device where, const StepCase& c, at::ScalarType type) { return model_of(c, at::TensorOptions(type).device(where)); }

StepOptions options_of(std::int64_t step, Recompute recompute = Recompute::kNone) {
  StepOptions options;
  options.step = step;
  options.micro_batch_size = 2;
  options.learning_rate = 1e-2;
  options.recompute = recompute;
  return options;
}

LocalBatch batch_of(const StepCase& c, std::int64_t step) {
  return tiny_batch(4, 8, c.config.vocab_size, 100 + static_cast<std::uint64_t>(step));
}

// The values after some steps, on the CPU.
std::vector<at::Tensor> trained(at::Device where, const StepCase& c, at::ScalarType type, Recompute recompute = Recompute::kNone) {
  TrainModel model = model_on(where, c, type);
  std::vector<StartedStep> steps;
  for (std::int64_t step = 1; step <= 4; ++step)
    steps.push_back(train_step(model, alone_layout(), batch_of(c, step), language_objective(model), options_of(step, recompute)));
  finish_steps(model, alone_layout(), std::move(steps));
  std::vector<at::Tensor> values;
  for (const LeafView& view : leaves_of(model))
    for (const at::Tensor& tensor : {view.value, view.exp_avg, view.exp_avg_sq}) values.push_back(tensor.cpu());
  for (const moe::MoeFeedForward* slot : model.sparse) values.push_back(slot->router.correction_bias.cpu());
  return values;
}

}  // namespace

TEST_CASE("in float64 a device computes the CPU's losses, norms and gradients to 1e-9, and the same counts") {
  if (no_device()) return;
  use_settings({}, gpu());
  for (const StepCase& c : cases()) {
    INFO(c.name);
    TrainModel here = model_on(at::kCPU, c, at::kDouble), there = model_on(gpu(), c, at::kDouble);
    const StepResult expected = gradients_of(here, batch_of(c, 1), options_of(1)),
                     found = gradients_of(there, batch_of(c, 1), options_of(1));
    for (const auto& [name, value] : expected.terms) CHECK(found.terms.at(name) == Approx(value).epsilon(1e-9));
    CHECK(found.grad_norm == Approx(expected.grad_norm).epsilon(1e-9));
    CHECK(found.counts.experts == expected.counts.experts);
    CHECK(found.counts.dropped == expected.counts.dropped);
    for (std::size_t i = 0; i < here.parameters.trained().size(); ++i) {
      const Parameter &a = *here.parameters.trained()[i], &b = *there.parameters.trained()[i];
      INFO(a.name);
      REQUIRE(b.gradient.sum().is_cuda());
      const double largest = a.gradient.sum().abs().max().item<double>();
      CHECK((b.gradient.sum().cpu() - a.gradient.sum()).abs().max().item<double>() <= 1e-9 * largest);
    }
  }
}

TEST_CASE("equal router rows choose the lowest experts on a device, whatever N, E and the element type") {
  if (no_device()) return;
  use_settings({}, gpu());
  for (const at::ScalarType type : {at::kFloat, at::kDouble, at::kBFloat16}) {
    for (const moe::ScoreFunction score : {moe::ScoreFunction::kSoftmax, moe::ScoreFunction::kSigmoid}) {
      for (const std::int64_t num_experts : {3, 8, 37, 128, 300}) {
        INFO(at::toString(type) << ", " << name_of(score) << ", E " << num_experts);
        CHECK(wrong_choices_of_equal_rows(score, num_experts, at::TensorOptions(type).device(gpu()), {2, 5, 19, 33, 67}, {0, 31, 32, 66}) ==
              0);
      }
    }
  }
}

TEST_CASE("two runs on a device give equal bits, and so does each way to recompute") {
  if (no_device()) return;
  use_settings({}, gpu());
  for (const StepCase& c : cases()) {
    for (const at::ScalarType type : {at::kFloat, at::kBFloat16}) {
      INFO(c.name << ", " << at::toString(type));
      const std::vector<at::Tensor> first = trained(gpu(), c, type);
      for (const Recompute recompute : {Recompute::kNone, Recompute::kLayer, Recompute::kAttention, Recompute::kExperts}) {
        INFO(name_of(recompute));
        const std::vector<at::Tensor> second = trained(gpu(), c, type, recompute);
        for (std::size_t i = 0; i < first.size(); ++i) CHECK(first[i].equal(second[i]));
      }
    }
  }
}

TEST_CASE("between reports a step waits for nothing where products need no counts") {
  if (no_device()) return;
  use_settings({}, gpu());
  for (const StepCase& c : cases()) {
    const bool loops = !ops::has_grouped_kernel(cuda_compute_capability(gpu()));
    if (c.exchange == parallel::ExchangeKind::kFlat || (c.moe && loops)) continue;
    INFO(c.name);
    TrainModel model = model_on(gpu(), c, at::kBFloat16);
    std::vector<StartedStep> steps;
    const auto go = [&](std::int64_t step) {
      steps.push_back(train_step(model, alone_layout(), batch_of(c, step), language_objective(model), options_of(step)));
    };
    go(1);  // libraries start
    go(2);
    // From here on LibTorch throws where it would make the host wait.
    c10::cuda::warning_state().set_sync_debug_mode(c10::cuda::SyncDebugMode::L_ERROR);
    std::string told;
    try {
      go(3);
      go(4);
    } catch (const std::exception& error) {
      told = error.what();
    }
    c10::cuda::warning_state().set_sync_debug_mode(c10::cuda::SyncDebugMode::L_DISABLED);
    INFO(told);
    CHECK(told.empty());
    CHECK(finish_steps(model, alone_layout(), steps).size() == 4);
  }
}

TEST_CASE("the peak of allocated memory is told within a tenth") {
  if (no_device()) return;
  use_settings({}, gpu());
  start_device(gpu());
  // Threads of autograd start libraries of their own at the first backward pass.
  trained(gpu(), cases().front(), at::kFloat);
  DecoderConfig config;
  config.vocab_size = 2048;
  config.hidden_size = 256;
  config.num_layers = 4;
  config.num_attention_heads = 4;
  config.num_key_value_heads = 2;
  config.head_dim = 64;
  config.intermediate_size = 1024;
  config.max_position_embeddings = 512;
  moe::MoeConfig moe = tiny_moe();
  moe.num_experts = 16;
  moe.top_k = 2;
  moe.expert_hidden_size = 256;
  moe.layers = {0, 1, 2, 3};
  for (const DType dtype : {DType::kFloat32, DType::kBFloat16}) {
    for (const bool is_sparse : {false, true}) {
      for (const Recompute recompute : {Recompute::kNone, Recompute::kLayer, Recompute::kAttention, Recompute::kExperts}) {
        INFO(name_of(dtype) << (is_sparse ? ", sparse, recompute " : ", dense, recompute ") << name_of(recompute));
        const StepCase c = {"", config, is_sparse ? std::optional(moe) : std::nullopt};
        c10::cuda::CUDACachingAllocator::emptyCache();
        const std::int64_t before = device_memory(gpu()).allocated;
        c10::cuda::CUDACachingAllocator::resetPeakStats(gpu().index());
        {
          TrainModel model = model_on(gpu(), c, to_torch(dtype));
          for (std::int64_t step = 1; step <= 2; ++step) {
            StepOptions options = options_of(step, recompute);
            options.micro_batch_size = 8;
            finished(model, train_step(model, alone_layout(), tiny_batch(8, 512, config.vocab_size), language_objective(model), options));
          }
        }
        const double measured = static_cast<double>(device_memory(gpu()).peak_allocated - before);
        ModelDescription description;
        description.decoder = config;
        description.moe = c.moe;
        description.dtype = dtype;
        const MemoryEstimate told =
            estimate_memory(memory_shape(description, alone_layout(), {8, 8, 512, 1, gpu(), parallel::ExchangeKind::kAuto, recompute}));
        INFO("told " << told.total() << ", measured " << measured << ", ratio " << told.total() / measured);
        CHECK(told.total() > 0.9 * measured);
        CHECK(told.total() < 1.1 * measured);
      }
    }
  }
}
