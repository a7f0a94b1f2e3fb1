#include "recipes/run/metrics_log.hpp"

#include "core/shape/tensor_id.hpp"
#include "recipes/run/jsonl.hpp"

#include <fmt/core.h>

namespace sluice::recipes {
namespace {

template <class T>
void add_by_layer(JsonRow& row, const char* name, const std::vector<std::int64_t>& layers, const std::vector<T>& values) {
  for (std::size_t i = 0; i < values.size(); ++i) row.set(fmt::format("{}/{}", name, layer_path(layers[i])), values[i]);
}

// The terms of text and mixtures are written under their own names, those that a stage adds as "loss/NAME".
bool has_own_key(const std::string& term) { return term == "load_balancing_loss" || term == "z_loss"; }

}  // namespace

JsonRow metrics_row(const StepMetrics& metrics, const std::string& model) {
  if (!model.empty()) {
    JsonRow named;
    for (const JsonRow own = metrics_row(metrics); const auto& [key, value] : own.items()) {
      const bool shared = key == "step" || key == "stage" || key == "tokens";
      named.set(shared ? key : model + "/" + key, value);
    }
    return named;
  }
  JsonRow row;
  const auto add = [&](const char* key, const auto& value) {
    if (value) row.set(key, *value);
  };
  row.set("step", metrics.step).set("stage", metrics.stage).set("tokens", metrics.tokens);
  add("loss", metrics.loss);
  add("bits_per_byte", metrics.bits_per_byte);
  add("learning_rate", metrics.learning_rate);
  add("router_learning_rate", metrics.router_learning_rate);
  add("expert_learning_rate", metrics.expert_learning_rate);
  add("grad_norm", metrics.grad_norm);
  add("tokens_per_second", metrics.tokens_per_second);
  add("step_seconds", metrics.step_seconds);
  add("elapsed_seconds", metrics.elapsed_seconds);
  add("exposed_comm_seconds", metrics.exposed_comm_seconds);
  for (const auto& [name, value] : metrics.terms) row.set(has_own_key(name) ? name : "loss/" + name, value);
  if (const auto& load = metrics.load)
    row.set("max_violation", load->max_violation).set("dead_experts", load->dead).set("starved_experts", load->starved);
  add("dropped_fraction", metrics.dropped_fraction);
  add("expert_cosine", metrics.expert_cosine);
  add("expert_dense_cosine", metrics.expert_dense_cosine);
  add("router_grad_norm", metrics.router_grad_norm);
  add("choice_changed", metrics.choice_changed);
  add("choice_changed_steps", metrics.choice_changed_steps);
  add("exchange_bytes_intra", metrics.exchange_bytes_intra);
  add("exchange_bytes_inter", metrics.exchange_bytes_inter);
  add("memory_bytes", metrics.memory_bytes);
  add("memory_allocated_bytes", metrics.memory_allocated_bytes);
  add("memory_reserved_bytes", metrics.memory_reserved_bytes);
  add("mfu", metrics.mfu);
  add("validation_loss", metrics.validation_loss);
  add("validation_bits_per_byte", metrics.validation_bits_per_byte);
  for (const auto& [layer, cosine] : metrics.layer_expert_cosine) row.set("expert_cosine/" + layer_path(layer), cosine);
  if (metrics.load) add_by_layer(row, "max_violation", metrics.sparse_layers, metrics.load->violations);
  if (const auto& window = metrics.window) {
    row.set("window_steps", window->steps).set("window_max_violation", window->summed.max_violation);
    row.set("window_dead_experts", window->summed.dead).set("window_starved_experts", window->summed.starved);
    add_by_layer(row, "window_dead_experts", metrics.sparse_layers, window->summed.dead_by_layer);
    add_by_layer(row, "window_mean_max_violation", metrics.sparse_layers, window->mean_violations);
  }
  return row;
}

MetricsLog::MetricsLog(const std::filesystem::path& path, std::int64_t resumed_step, std::string_view resumed_stage)
    : file_((cut_back_jsonl(path, resumed_step, resumed_stage), path)) {}

}  // namespace sluice::recipes
