#include "recipes/stages/run_state.hpp"

#include "core/base/error.hpp"

#include <nlohmann/json.hpp>

namespace sluice::recipes {
namespace {

// Lists every field once, for writing and for reading; `true` marks fields that older checkpoints lack.
template <class State, class Visit>
void visit_fields(State& s, Visit visit) {
  visit("step", s.step);
  visit("stage", s.stage);
  visit("stage_name", s.stage_name);
  visit("stage_step", s.stage_step);
  visit("optimizer_steps", s.optimizer_steps);
  visit("leaf_updates", s.leaf_updates, true);
  visit("slice_updates", s.slice_updates, true);
  visit("frozen", s.frozen, true);
  visit("consumed_samples", s.consumed_samples);
  visit("consumed_tokens", s.consumed_tokens);
  visit("elapsed_seconds", s.elapsed_seconds);
  visit("seed", s.seed);
  visit("corpus_fingerprints", s.corpus_fingerprints);
  visit("tokenizer_sha256", s.tokenizer_sha256);
  visit("has_lagged_counts", s.has_lagged_counts);
  visit("bias_by_rows", s.bias_by_rows, true);
  visit("window_steps", s.window.steps, true);
  visit("window_counts", s.window.counts, true);
  visit("window_violations", s.window.violations, true);
  visit("held_choices_step", s.held_choices_step, true);
  visit("ranks", s.ranks);
  visit("expert", s.expert);
  visit("instruction_set", s.computed_with.instruction_set, true);
  visit("library", s.computed_with.library, true);
  visit("bfloat16_products", s.computed_with.bfloat16_products, true);
  visit("operations", s.computed_with.operations, true);
  visit("device", s.computed_with.device, true);
  visit("libtorch", s.computed_with.libtorch, true);
}

}  // namespace

std::string to_json(const RunState& state) {
  nlohmann::ordered_json json;
  visit_fields(state, [&](const char* key, const auto& value, bool = false) { json[key] = value; });
  return json.dump(1) + "\n";
}

RunState parse_run_state(const std::string& text, const std::string& file) {
  const nlohmann::json json = nlohmann::json::parse(text, nullptr, false);
  if (!json.is_object()) throw data_error("{}: not a JSON object", file);
  RunState state;
  visit_fields(state, [&](const char* key, auto& value, bool newer = false) {
    if (newer && !json.contains(key)) return;
    if (!json.contains(key)) throw data_error("{}: '{}' is missing", file, key);
    try {
      json[key].get_to(value);
    } catch (const nlohmann::json::exception&) {
      throw data_error("{}: '{}' has the wrong type: {}", file, key, json[key].dump());
    }
  });
  const std::string& products = state.computed_with.bfloat16_products;
  if (!products.empty() && products != "native" && products != "float32")
    throw data_error("{}: 'bfloat16_products' is \"{}\", not native or float32", file, products);
  return state;
}

}  // namespace sluice::recipes
