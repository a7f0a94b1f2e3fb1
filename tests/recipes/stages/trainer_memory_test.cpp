// How much memory a run holds around its steps.
#include "recipes/schema/read_recipe.hpp"
#include "recipes/stages/run.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/files_and_output.hpp"
#include "tests/support/tensor_memory.hpp"
#include "tests/support/tiny_model.hpp"

#include <string>

using namespace sluice;
using namespace sluice::recipes;
using namespace sluice::testing;

TEST_CASE("a stage that places experts anew lets go of the model before it loads it") {
  const TemporaryDirectory folder;
  std::string text;
  for (int line = 0; line < 400; ++line) text += "line " + std::to_string(line * 7919) + " of a text\n";
  write_text(folder.path() / "train.txt", text);
  // Another exchange is another placement, on one rank too.
  write_text(folder.path() / "placed.yaml", R"(
name: placed
data: {tokenizer: bytes, seq_length: 16, validation_split: 0.2, eval_sequences: 1}
model: {hidden_size: 128, num_layers: 2, num_attention_heads: 4, num_key_value_heads: 4, head_dim: 32, intermediate_size: 256,
        moe: {num_experts: 12, top_k: 2, expert_hidden_size: 256}}
train: {global_batch_size: 1, micro_batch_size: 1, warmup_steps: 0}
stages:
  - {name: here, type: pretrain, max_steps: 1}
  - {name: there, type: pretrain, max_steps: 1, parallel: {exchange: flat}}
)");
  const Recipe recipe = read_recipe(folder.path() / "placed.yaml", {"run_dir=" + (folder.path() / "run").string(),
                                                                    "data.train=[" + (folder.path() / "train.txt").string() + "]"});
  DecoderConfig decoder = recipe.model;
  decoder.vocab_size = 257;
  TrainModel one;
  const std::int64_t model = peak_bytes_of([&] { one = build_model(decoder, recipe.stages[0].moe, alone_layout(), at::kFloat); });
  one = {};
  std::int64_t peak = 0;
  std::string why;
  const std::string said = captured(STDOUT_FILENO, [&] {
    peak = peak_bytes_of([&] {
      try {
        const auto world = parallel::World::start({.backend = parallel::CommBackend::kLoopback});
        run_recipe(*world, recipe, "name: placed\n");
      } catch (const Error& error) {
        why = error.what();
      }
    });
  });
  CHECK(why == "");
  CHECK(contains(said, "stage 'there': experts placed anew"));
  INFO("one model " << model << ", the run " << peak);
  CHECK(peak < model + model / 2);
}
