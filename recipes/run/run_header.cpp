#include "recipes/run/run_header.hpp"

#include "core/base/counted.hpp"
#include "core/base/log.hpp"
#include "recipes/run/units.hpp"
#include "recipes/schema/conversion.hpp"

#include <fmt/core.h>

#include <algorithm>

namespace sluice::recipes {
namespace {

std::string entry(const char* name, const std::string& text) { return fmt::format("  {:<13}{}", name, text); }

std::string parameters_text(const StageLine& stage) {
  std::string text = human_count(static_cast<double>(stage.parameters)) + " parameters";
  if (stage.active_parameters != stage.parameters) text += ", " + human_count(static_cast<double>(stage.active_parameters)) + " active";
  return text;
}

std::string kind_text(const StageLine& stage) { return stage.conversion ? describe(*stage.conversion) : std::string(name_of(stage.type)); }

std::string memory_text(const MemoryEstimate& memory) {
  std::string text = fmt::format("{} a rank, estimated (parameters {}", human_bytes(memory.total()), human_bytes(memory.parameters));
  if (memory.copies > 0) text += fmt::format(", copies for products {}", human_bytes(memory.copies));
  text += fmt::format(", gradients {}, optimizer {}", human_bytes(memory.gradients), human_bytes(memory.optimizer));
  if (memory.origin > 0) text += ", the experts' dense origin " + human_bytes(memory.origin);
  text += fmt::format(", activations {}, buffers {})", human_bytes(memory.activations), human_bytes(memory.buffers));
  if (memory.conversion > 0)
    text += fmt::format("; {} more while the stage is converted from the model before", human_bytes(memory.conversion));
  if (memory.worst_load > 0) text += fmt::format("; {} more if all tokens chose one rank", human_bytes(memory.worst_load));
  return text;
}

}  // namespace

std::vector<std::string> format_run_header(const RunHeader& header) {
  std::int64_t steps = 0, tokens = 0;
  std::size_t name_width = 0, kind_width = 0;
  for (const StageLine& stage : header.stages) {
    steps += stage.steps;
    tokens += stage.tokens;
    name_width = std::max(name_width, stage.name.size());
    kind_width = std::max(kind_width, kind_text(stage).size());
  }
  const std::int64_t step_tokens = header.global_batch_size * header.seq_length;

  std::vector<std::string> lines;
  lines.push_back(fmt::format("run '{}' in {}{}", header.name, header.directory,
                              header.resumed_step >= 0 ? fmt::format(", continued from step {}", header.resumed_step) : ""));
  lines.push_back(entry("model", fmt::format("{}; {} on {}", header.model, header.dtype, header.device)));
  for (std::size_t i = 0; i < header.stages.size(); ++i) {
    const StageLine& stage = header.stages[i];
    lines.push_back(
        entry(i == 0 ? "stages" : "", fmt::format("{:<{}}  {:<{}}  {:>6} steps  {}{}", stage.name, name_width, kind_text(stage), kind_width,
                                                  stage.steps, parameters_text(stage), stage.shape.empty() ? "" : "; " + stage.shape)));
  }
  lines.push_back(entry("mesh", fmt::format("{} on {}, expert {}, {} a rank, backend {}, exchange {}", counted(header.ranks, "rank"),
                                            counted(header.nodes, "node"), header.expert, counted(header.threads, "thread"), header.backend,
                                            header.exchange)));
  if (!header.processor.empty()) lines.push_back(entry("processor", header.processor));
  lines.push_back(entry(
      "batch", fmt::format("{} of {} = {} tokens a step; a rank computes {} at once, accumulation {}",
                           counted(header.global_batch_size, "sequence"), header.seq_length, human_count(static_cast<double>(step_tokens)),
                           counted(header.micro_batch_size, "sequence"), header.accumulation)));
  if (!header.data.empty()) lines.push_back(entry("data", header.data));
  for (const std::string& text : header.later_data) lines.push_back(entry("", text));
  if (!header.validation.empty()) lines.push_back(entry("validation", header.validation));
  lines.push_back(entry("training", fmt::format("{} steps, {} tokens", steps, human_count(static_cast<double>(tokens)))));
  if (header.balance_prepass_fraction)
    lines.push_back(entry(
        "balance",
        fmt::format("a pass for the counts of the whole step comes first, +{:.0f}% of a step (balance_loss: lagged or sequence needs none)",
                    100 * *header.balance_prepass_fraction)));
  if (!header.products.empty()) lines.push_back(entry("products", header.products));
  if (!header.device_memory.empty()) lines.push_back(entry("device memory", header.device_memory));
  for (const std::string& text : header.recompute) lines.push_back(entry(&text == &header.recompute.front() ? "recompute" : "", text));
  lines.push_back(entry("memory", memory_text(header.memory)));
  return lines;
}

std::string format_stage_banner(const StageBanner& banner) {
  const StageLine& stage = banner.stage;
  return fmt::format("── stage {}/{} '{}': {}, steps {}-{}, {}{} ──", banner.number, banner.count, stage.name, kind_text(stage),
                     banner.first_step + 1, banner.last_step, parameters_text(stage), stage.shape.empty() ? "" : "; " + stage.shape);
}

void log_lines(const std::vector<std::string>& lines) {
  for (const std::string& line : lines) log_info("{}", line);
}

}  // namespace sluice::recipes
