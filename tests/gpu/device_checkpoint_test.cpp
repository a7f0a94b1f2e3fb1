// A checkpoint belongs to no device: what a GPU saved is what the CPU loads, and the other way round, to the last bit.
#include "core/base/files.hpp"
#include "core/tensor/device_settings.hpp"
#include "data/load_tokenizer.hpp"
#include "recipes/stages/model_io.hpp"
#include "recipes/stages/save_checkpoint.hpp"
#include "tests/support/files_and_output.hpp"
#include "tests/support/gpu_device.hpp"
#include "tests/support/step_cases.hpp"

using namespace sluice;
using namespace sluice::recipes;
using namespace sluice::testing;

namespace {

TrainModel trained_on(at::Device device, const StepCase& c, at::ScalarType type) {
  TrainModel model = model_of(c, at::TensorOptions(type).device(device));
  StepOptions options;
  options.micro_batch_size = 2;
  options.learning_rate = 1e-2;
  for (options.step = 1; options.step <= 2; ++options.step)
    step_of(model, tiny_batch(4, 8, c.config.vocab_size, static_cast<std::uint64_t>(options.step)), options);
  return model;
}

std::filesystem::path save(TrainModel& model, const std::filesystem::path& folder) {
  const data::TokenizerPtr tokenizer = data::make_bytes_tokenizer();
  RunState state;
  state.step = state.optimizer_steps = 2;
  state.stage_name = "only";
  collect_updates(model, alone_layout(), state);
  describe_routing(model, state);
  return save_checkpoint(alone(), {{model, alone_layout(), state}}, {folder, tokenizer.get(), 1, "", [] {}});
}

TrainModel load(const std::filesystem::path& checkpoint, const StepCase& c, const at::TensorOptions& options) {
  const ModelFolder folder = open_model_folder(checkpoint);
  TrainModel model = build_model(folder.config.model.decoder, folder.config.model.moe, alone_layout(), options, c.exchange);
  load_weights(model, folder);
  const std::string file = (checkpoint / "state" / "run.json").string();
  load_state(model, checkpoint, parse_run_state(read_file(file), file));
  return model;
}

}  // namespace

TEST_CASE("a checkpoint goes from a device to the CPU and back to the last bit, optimizer and routing included") {
  if (no_device()) return;
  use_settings({}, gpu());
  for (const StepCase& c : step_cases(16)) {
    for (const at::ScalarType type : {at::kDouble, at::kFloat, at::kBFloat16}) {
      for (const auto& [from, to] : {std::pair{gpu(), at::Device(at::kCPU)}, {at::Device(at::kCPU), gpu()}}) {
        INFO(c.name << ", " << at::toString(type) << ", from " << from.str());
        const TemporaryDirectory scratch;
        TrainModel first = trained_on(from, c, type);
        TrainModel second = load(save(first, scratch.path()), c, at::TensorOptions(type).device(to));
        const LeafStore saved = leaves_of(first), loaded = leaves_of(second);
        REQUIRE(saved.size() == loaded.size());
        for (std::size_t i = 0; i < saved.size(); ++i) {
          INFO(saved[i].leaf.name);
          CHECK(loaded[i].value.device().type() == to.type());
          CHECK(at::equal(saved[i].value.cpu(), loaded[i].value.cpu()));
          CHECK(at::equal(saved[i].exp_avg.cpu(), loaded[i].exp_avg.cpu()));
          CHECK(at::equal(saved[i].exp_avg_sq.cpu(), loaded[i].exp_avg_sq.cpu()));
          CHECK(*saved[i].updates == *loaded[i].updates);
        }
        const auto before = routing_state(first), after = routing_state(second);
        REQUIRE(before.size() == after.size());
        for (const auto& [name, tensor] : before) {
          INFO(name);
          CHECK(at::equal(tensor.cpu(), after.at(name).cpu()));
        }
      }
    }
  }
}
