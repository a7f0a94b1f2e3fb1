#include "recipes/run/receipts.hpp"

#include "core/base/error.hpp"
#include "core/base/files.hpp"
#include "core/base/log.hpp"
#include "core/shape/tensor_id.hpp"
#include "recipes/run/expert_load.hpp"
#include "recipes/run/jsonl.hpp"
#include "recipes/run/units.hpp"
#include "recipes/schema/conversion.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <map>
#include <string_view>
#include <utility>

namespace sluice::recipes {
namespace {

std::string headline(const Receipt& receipt) {
  return fmt::format("stage '{}': {} at step {}", receipt.stage, describe(receipt.conversion), receipt.step);
}

moe::ConversionKind conversion_of(const JsonRow& row) {
  const std::string kind = row.text("kind"), method = row.text("method");
  if (const auto type = value_of<StageType>(kind)) {
    for (const moe::ConversionKind conversion : conversions_of(*type))
      if (method_of(conversion) == method) return conversion;
  }
  throw data_error("a receipt of stage '{}' tells of the conversion '{}', method '{}', which is none", row.text("stage"), kind, method);
}

double loss_difference(const Receipt& receipt) { return std::abs(receipt.loss_after - receipt.loss_before); }

// Whether two receipts are of the same conversion. Losses are not compared: their last digits may differ between layouts.
bool same_conversion(const Receipt& a, const Receipt& b) {
  return a.stage == b.stage && a.step == b.step && a.conversion == b.conversion && a.note == b.note &&
         a.parameters_after == b.parameters_after && a.active_parameters_after == b.active_parameters_after &&
         a.held_batch_sha256 == b.held_batch_sha256;
}

// Up to so many layers are shown one by one; of more, only the range of each figure.
constexpr std::size_t kShownLayers = 6;

void add_loads(const Receipt& receipt, std::vector<std::string>& lines) {
  if (receipt.loads.empty()) return;
  lines.push_back(
      fmt::format("  experts' load before training, on {} tokens; the most frequent token alone gives an expert {:.2f} of the mean",
                  human_count(static_cast<double>(receipt.load_tokens)), receipt.load_bound));
  lines.push_back(fmt::format("  {:<18}{:>14}{:>14}{:>14}", "", "dead", "starved", "max/mean"));
  if (receipt.loads.size() <= kShownLayers) {
    for (const ReceiptLoad& load : receipt.loads)
      lines.push_back(
          fmt::format("  {:<18}{:>14}{:>14}{:>14.2f}", fmt::format("layer {}", load.layer), load.dead, load.starved, load.max_over_mean));
    return;
  }
  const auto range = [&](auto value) {
    const auto [low, high] =
        std::minmax_element(receipt.loads.begin(), receipt.loads.end(), [&](const auto& a, const auto& b) { return value(a) < value(b); });
    return std::pair(value(*low), value(*high));
  };
  const auto dead = range([](const ReceiptLoad& load) { return load.dead; });
  const auto starved = range([](const ReceiptLoad& load) { return load.starved; });
  const auto most = range([](const ReceiptLoad& load) { return load.max_over_mean; });
  lines.push_back(fmt::format("  {:<18}{:>14}{:>14}{:>14}", fmt::format("{} layers", receipt.loads.size()),
                              fmt::format("{} to {}", dead.first, dead.second), fmt::format("{} to {}", starved.first, starved.second),
                              fmt::format("{:.2f} to {:.2f}", most.first, most.second)));
}

std::string load_key(std::int64_t layer, const char* what) { return layer_path(layer) + "." + what; }

bool is_finite(const Receipt& receipt) {
  return std::isfinite(receipt.loss_before) && std::isfinite(receipt.loss_after) && std::isfinite(receipt.max_abs_logit_difference);
}

}  // namespace

double load_bound(const std::vector<std::int32_t>& tokens, std::int64_t num_experts, std::int64_t top_k) {
  std::map<std::int32_t, std::int64_t> counts;
  std::int64_t most = 0;
  for (const std::int32_t token : tokens) most = std::max(most, ++counts[token]);
  return static_cast<double>(most * num_experts) /
         static_cast<double>(std::max<std::int64_t>(1, static_cast<std::int64_t>(tokens.size()) * top_k));
}

ReceiptLoad receipt_load(std::int64_t layer, const std::vector<std::int64_t>& counts) {
  return {layer, count_dead(counts), count_starved(counts), max_over_mean(counts)};
}

ReceiptLimits receipt_limits(DType model_dtype) {
  if (model_dtype == DType::kFloat64) return {1e-10, 1e-10};
  return {1e-4, 1e-5};
}

bool within_limits(const Receipt& receipt, DType model_dtype) {
  const ReceiptLimits limits = receipt_limits(model_dtype);
  return receipt.max_abs_logit_difference <= limits.logits && loss_difference(receipt) <= limits.loss;
}

void judge_receipt(const Receipt& receipt, DType model_dtype, bool allow_jump) {
  const ReceiptLimits limits = receipt_limits(model_dtype);
  if (!is_finite(receipt))
    throw diverged_error(
        "{}: not finite on the held batch (loss {:.6g} before, {:.6g} after, max |logit difference| {:.6g}); the model diverged, "
        "resume from an earlier checkpoint with a lower learning_rate",
        headline(receipt), receipt.loss_before, receipt.loss_after, receipt.max_abs_logit_difference);
  if (allow_jump || !receipt.note.empty() || within_limits(receipt, model_dtype)) return;
  throw diverged_error(
      "{}: the function of the model changed: max |logit difference| {:.3g} (limit {:.0e}), |loss difference| {:.3g} (limit {:.0e}) in {}; "
      "{}",
      headline(receipt), receipt.max_abs_logit_difference, limits.logits, loss_difference(receipt), limits.loss, name_of(model_dtype),
      receipt.exact ? "this conversion is exact by its recipe, so a weight is wrong (allow_jump: true goes on all the same)"
                    : "this method is not exact: say allow_jump: true in the stage, or choose one that is");
}

std::vector<std::string> format_receipt(const Receipt& receipt, DType model_dtype) {
  const ReceiptLimits limits = receipt_limits(model_dtype);
  const std::string verdict = within_limits(receipt, model_dtype) ? "same function"
                              : is_finite(receipt)                ? "function changed"
                                                                  : "not finite";
  std::vector<std::string> lines;
  lines.push_back(fmt::format("receipt, {}{}: {}{}", headline(receipt), receipt.note.empty() ? "" : " (" + receipt.note + ")", verdict,
                              receipt.exact ? ", exact by recipe" : ""));
  lines.push_back(fmt::format("  {:<18}{:>14}{:>14}{:>14}{:>10}", "", "before", "after", "difference", "limit"));
  lines.push_back(fmt::format("  {:<18}{:>14.8f}{:>14.8f}{:>14.2e}{:>10.0e}", "held-batch loss", receipt.loss_before, receipt.loss_after,
                              loss_difference(receipt), limits.loss));
  lines.push_back(
      fmt::format("  {:<18}{:>14}{:>14}{:>14.2e}{:>10.0e}", "logits, largest", "", "", receipt.max_abs_logit_difference, limits.logits));
  const auto counts = [&](const char* name, std::int64_t before, std::int64_t after) {
    const auto change = static_cast<double>(after - before);
    lines.push_back(fmt::format("  {:<18}{:>14}{:>14}{:>14}", name, human_count(static_cast<double>(before)),
                                human_count(static_cast<double>(after)), (change > 0 ? "+" : "") + human_count(change)));
  };
  counts("parameters", receipt.parameters_before, receipt.parameters_after);
  counts("active a token", receipt.active_parameters_before, receipt.active_parameters_after);
  if (!receipt.choice.empty()) lines.push_back("  of the ways tried, the one with the lowest held-batch loss: " + receipt.choice);
  add_loads(receipt, lines);
  if (!receipt.held_batch_sha256.empty()) lines.push_back(fmt::format("  held batch sha256 {}", receipt.held_batch_sha256.substr(0, 16)));
  return lines;
}

JsonRow receipt_row(const Receipt& receipt) {
  JsonRow row;
  row.set("stage", receipt.stage)
      .set("step", receipt.step)
      .set("kind", name_of(stage_type_of(receipt.conversion)))
      .set("method", method_of(receipt.conversion))
      .set("exact", receipt.exact);
  row.set("loss_before", receipt.loss_before).set("loss_after", receipt.loss_after);
  row.set("max_abs_logit_difference", receipt.max_abs_logit_difference);
  row.set("parameters_before", receipt.parameters_before).set("parameters_after", receipt.parameters_after);
  row.set("active_parameters_before", receipt.active_parameters_before).set("active_parameters_after", receipt.active_parameters_after);
  row.set("held_batch_sha256", receipt.held_batch_sha256);
  if (!receipt.note.empty()) row.set("note", receipt.note);
  if (!receipt.choice.empty()) row.set("choice", receipt.choice);
  if (receipt.loads.empty()) return row;
  row.set("load_tokens", receipt.load_tokens).set("load_bound", receipt.load_bound);
  for (const ReceiptLoad& load : receipt.loads) {
    row.set(load_key(load.layer, "dead_experts"), load.dead).set(load_key(load.layer, "starved_experts"), load.starved);
    row.set(load_key(load.layer, "max_over_mean"), load.max_over_mean);
  }
  return row;
}

Receipt receipt_from_row(const JsonRow& row) {
  Receipt receipt;
  receipt.stage = row.text("stage");
  receipt.step = row.integer("step", 0);
  receipt.conversion = conversion_of(row);
  const JsonRow::Value* exact = row.find("exact");
  receipt.exact = exact != nullptr && std::holds_alternative<bool>(*exact) && std::get<bool>(*exact);
  receipt.loss_before = row.number("loss_before");
  receipt.loss_after = row.number("loss_after");
  receipt.max_abs_logit_difference = row.number("max_abs_logit_difference");
  receipt.parameters_before = row.integer("parameters_before", 0);
  receipt.parameters_after = row.integer("parameters_after", 0);
  receipt.active_parameters_before = row.integer("active_parameters_before", 0);
  receipt.active_parameters_after = row.integer("active_parameters_after", 0);
  receipt.held_batch_sha256 = row.text("held_batch_sha256");
  receipt.note = row.text("note");
  receipt.choice = row.text("choice");
  receipt.load_tokens = row.integer("load_tokens", 0);
  if (receipt.load_tokens == 0) return receipt;
  receipt.load_bound = row.number("load_bound");
  for (const auto& [key, value] : row.items()) {
    const std::int64_t layer = layer_number(key.substr(0, key.rfind('.')));
    if (layer < 0 || key != load_key(layer, "dead_experts")) continue;
    receipt.loads.push_back(
        {layer, row.integer(key, 0), row.integer(load_key(layer, "starved_experts"), 0), row.number(load_key(layer, "max_over_mean"))});
  }
  return receipt;
}

std::vector<Receipt> read_receipts(const std::filesystem::path& path) {
  std::vector<Receipt> receipts;
  for (const JsonRow& row : read_jsonl(path)) {
    try {
      receipts.push_back(receipt_from_row(row));
    } catch (const Error& error) {
      log_warning("{}: {}; this line is ignored", path.string(), error.what());
    }
  }
  return receipts;
}

ReceiptLog::ReceiptLog(const std::filesystem::path& path, std::int64_t resumed_step) : path_(path) {
  cut_back_jsonl(path, resumed_step);
  receipts_ = read_receipts(path);
}

std::string ReceiptLog::text() const {
  std::string content;
  for (const Receipt& each : receipts_) content += receipt_row(each).to_json() + '\n';
  return content;
}

// The whole file is written each time: it has few lines, and an atomic write also flushes them to the disk.
void ReceiptLog::write() const { write_file_atomically(path_, text()); }

bool ReceiptLog::settle(const std::vector<Receipt>& conversion) {
  const std::int64_t step = conversion.front().step;
  const auto of_step = [&](const Receipt& receipt) { return receipt.step == step; };
  std::vector<Receipt> known;
  std::copy_if(receipts_.begin(), receipts_.end(), std::back_inserter(known), of_step);
  if (std::equal(known.begin(), known.end(), conversion.begin(), conversion.end(), same_conversion)) return true;
  receipts_.erase(std::remove_if(receipts_.begin(), receipts_.end(), of_step), receipts_.end());
  receipts_.insert(receipts_.end(), conversion.begin(), conversion.end());
  write();
  return false;
}

void ReceiptLog::restore(const std::vector<Receipt>& saved) {
  std::vector<Receipt> all = saved;
  for (const Receipt& receipt : receipts_) {
    const bool known = std::any_of(saved.begin(), saved.end(), [&](const Receipt& other) { return same_conversion(receipt, other); });
    if (!known) all.push_back(receipt);
  }
  if (all.size() == receipts_.size()) return;
  receipts_ = std::move(all);
  write();
}

}  // namespace sluice::recipes
