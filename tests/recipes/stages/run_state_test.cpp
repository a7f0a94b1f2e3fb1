#include "recipes/stages/run_state.hpp"

#include "core/base/error.hpp"
#include "tests/support/catch.hpp"

#include <nlohmann/json.hpp>

#include <string>

using namespace sluice;
using namespace sluice::recipes;

namespace {

RunState example() {
  RunState state;
  state.step = 12;
  state.stage = 1;
  state.stage_name = "sparse";
  state.stage_step = 4;
  state.optimizer_steps = 12;
  state.consumed_samples = 96;
  state.consumed_tokens = 3072;
  state.elapsed_seconds = 1.5;
  state.seed = ~std::uint64_t{0};
  state.corpus_fingerprints = {{"dense", "{}"}};
  state.tokenizer_sha256 = "ab";
  state.has_lagged_counts = true;
  state.bias_by_rows = true;
  state.window.add({{3, 0, 1}, {1, 2, 1}});
  state.held_choices_step = 11;
  state.ranks = 4;
  state.expert = 2;
  state.computed_with = {"avx512", "AVX512 on EPYC", "native", "composed", "NVIDIA H200; CUDA 13.0", "2.13.0"};
  return state;
}

std::string refusal(const nlohmann::json& json) {
  try {
    parse_run_state(json.dump(), "run.json");
  } catch (const Error& error) {
    CHECK(error.code() == ExitCode::kData);
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("the state of a run survives being written") {
  CHECK(parse_run_state(to_json(example()), "run.json") == example());
  CHECK(parse_run_state(to_json(RunState{}), "run.json") == RunState{});
}

TEST_CASE("what checkpoints of earlier versions lack is taken as unknown, anything else is missed") {
  const nlohmann::json whole = nlohmann::json::parse(to_json(example()));
  nlohmann::json json = whole;
  for (const char* key : {"instruction_set", "library", "bfloat16_products", "operations", "device", "libtorch", "bias_by_rows",
                          "window_steps", "window_counts", "window_violations", "held_choices_step"})
    json.erase(key);
  RunState expected = example();
  expected.computed_with = {};
  expected.window = {};
  expected.held_choices_step = -1;
  expected.bias_by_rows = false;  // such a run goes on as it began
  CHECK(parse_run_state(json.dump(), "run.json") == expected);
  json.erase("ranks");
  CHECK(refusal(json) == "run.json: 'ranks' is missing");
}

TEST_CASE("a damaged state is told by key") {
  nlohmann::json json = nlohmann::json::parse(to_json(example()));
  json["bfloat16_products"] = "fast";
  CHECK(refusal(json) == "run.json: 'bfloat16_products' is \"fast\", not native or float32");
  json["bfloat16_products"] = 1;
  CHECK(refusal(json) == "run.json: 'bfloat16_products' has the wrong type: 1");
}
