#include "launch/commands/inspect_report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <utility>

#include "core/base/counted.hpp"
#include "core/checkpoint/name_order.hpp"
#include "recipes/run/units.hpp"
#include "recipes/schema/conversion.hpp"

namespace sluice {
namespace {

using checkpoint::TensorIndex;
using checkpoint::TensorInfo;
using nlohmann::ordered_json;
using recipes::human_bytes;
using recipes::human_count;

std::string entry(const char* name, const std::string& text) { return fmt::format("{:<13} {}", name, text); }

std::uint64_t bytes_of(const TensorIndex& index) {
  std::uint64_t bytes = 0;
  for (const auto& [name, view] : index.tensors()) bytes += view.bytes.size();
  return bytes;
}

std::uint64_t elements_of(const TensorIndex& index) {
  std::uint64_t elements = 0;
  for (const auto& [name, view] : index.tensors()) elements += *checkpoint::element_count(view.info.shape);
  return elements;
}

recipes::ArchitectureChoice architecture_of(const InspectedModel& model) {
  if (!model.config) return {nullptr, model.problem};
  if (model.config->architecture) return {model.config->architecture, ""};
  return recipes::architecture_of(model.config->model);
}

std::string architecture_text(const InspectedModel& model) {
  const recipes::ArchitectureChoice choice = architecture_of(model);
  if (!choice.architecture) return "none of Transformers': " + choice.reason;
  return fmt::format("{} ({})", recipes::class_of(*choice.architecture), recipes::model_type_of(*choice.architecture));
}

std::string decoder_text(const recipes::ModelDescription& model) {
  const DecoderConfig& decoder = model.decoder;
  return fmt::format("{}, width {}, {} of {} ({} key/value), feed-forward {}, vocabulary {}, context {}; {}",
                     counted(decoder.num_layers, "layer"), decoder.hidden_size, counted(decoder.num_attention_heads, "head"),
                     decoder.head_dim, decoder.num_key_value_heads, decoder.intermediate_size, decoder.vocab_size,
                     decoder.max_position_embeddings, name_of(model.dtype));
}

std::string experts_text(const recipes::ModelDescription& model) {
  const moe::MoeConfig& moe = *model.moe;
  std::string text = fmt::format("{} of width {}, top-{} by {} scores, in {}", moe.num_experts, moe.expert_hidden_size, moe.top_k,
                                 name_of(moe.score_func), counted(moe.layers.size(), "layer"));
  if (moe.family_size > 1) text += fmt::format(", families of {}", moe.family_size);
  if (moe.num_shared_experts > 0) text += fmt::format(", {} shared", moe.num_shared_experts);
  return text;
}

std::string parameters_text(const InspectedModel& model) {
  if (!model.config) return fmt::format("{} in all tensors", elements_of(model.stored));
  const recipes::ParameterCount count = recipes::count_parameters(model.config->model);
  return fmt::format("{} ({} total, {} active a token)", count.total, human_count(static_cast<double>(count.total)),
                     human_count(static_cast<double>(count.active)));
}

std::string checksums_text(const InspectedModel& model) {
  if (!model.manifest) return "none: no manifest, only headers and sizes were checked";
  std::size_t tensors = 0;
  for (const auto& [file, record] : model.manifest->tensor_files) tensors += record.tensors.size();
  return fmt::format("verified: {} in {}, {}", counted(tensors, "tensor"), counted(model.manifest->tensor_files.size(), "file"),
                     counted(model.manifest->files.size(), "other file"));
}

/// "exp_avg 54, exp_avg_sq 54 tensors, 98.1 MiB": what precedes the first '/' of a name is its kind.
std::string state_tensors_text(const TensorIndex& index) {
  std::map<std::string, std::size_t> kinds;
  for (const auto& [name, view] : index.tensors()) ++kinds[name.substr(0, name.find('/'))];
  std::string text;
  for (const auto& [kind, count] : kinds) text += fmt::format("{}{} {}", text.empty() ? "" : ", ", kind, count);
  return fmt::format("{} tensors, {}", text, human_bytes(static_cast<double>(bytes_of(index))));
}

/// Fingerprints and the like are cut short; --json has them whole.
std::string run_state_text(const ordered_json& state) {
  constexpr std::size_t kLongest = 24;
  std::string text;
  for (const auto& [key, value] : state.items()) {
    std::string shown = value.is_string()         ? value.get<std::string>()
                        : value.is_number_float() ? fmt::format("{:.6g}", value.get<double>())
                                                  : value.dump();
    if (shown.size() > kLongest) {
      std::size_t end = kLongest - 8;
      while (end > 0 && (static_cast<unsigned char>(shown[end]) & 0xC0) == 0x80) --end;  // never inside a character
      shown = shown.substr(0, end) + "...";
    }
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", key, shown);
  }
  return text;
}

std::string receipt_text(const recipes::Receipt& receipt) {
  return fmt::format(
      "step {}, stage '{}': {}{}: loss {:.6f} -> {:.6f}, max |logit difference| {:.2e}, {} -> {} parameters ({} -> {} active){}",
      receipt.step, receipt.stage, recipes::describe(receipt.conversion), receipt.exact ? ", exact" : "", receipt.loss_before,
      receipt.loss_after, receipt.max_abs_logit_difference, human_count(static_cast<double>(receipt.parameters_before)),
      human_count(static_cast<double>(receipt.parameters_after)), human_count(static_cast<double>(receipt.active_parameters_before)),
      human_count(static_cast<double>(receipt.active_parameters_after)), receipt.note.empty() ? "" : " (" + receipt.note + ")");
}

std::vector<std::string> tensor_table(const TensorIndex& index) {
  std::map<std::pair<checkpoint::StoredType, checkpoint::Shape>, std::vector<std::string>> alike;
  for (const auto& [name, view] : index.tensors()) alike[{view.info.type, view.info.shape}].push_back(name);
  std::vector<std::array<std::string, 3>> rows;
  std::size_t name_width = 0, type_width = 0;
  for (auto& [kind, names] : alike)
    for (std::string& name : checkpoint::fold_names(std::move(names))) {
      name_width = std::max(name_width, name.size());
      type_width = std::max(type_width, checkpoint::name_of(kind.first).size());
      rows.push_back({std::move(name), std::string(checkpoint::name_of(kind.first)), checkpoint::to_string(kind.second)});
    }
  std::ranges::sort(rows, [](const auto& a, const auto& b) { return checkpoint::natural_less(a[0], b[0]); });
  std::vector<std::string> lines;
  for (const auto& [name, type, shape] : rows)
    lines.push_back(fmt::format("  {:<{}}  {:<{}}  {}", name, name_width, type, type_width, shape));
  return lines;
}

ordered_json tensors_json(const TensorIndex& index, const checkpoint::Manifest* manifest, const std::string& folder) {
  std::map<std::string, std::string> checksums;
  if (manifest != nullptr) {
    for (const auto& [file, record] : manifest->tensor_files) {
      if (file.substr(0, file.rfind('/') + 1) != folder) continue;
      for (const auto& [name, tensor] : record.tensors) checksums[name] = checkpoint::to_hex(tensor.checksum);
    }
  }
  ordered_json json = ordered_json::object();
  for (const auto& [name, view] : index.tensors()) {
    ordered_json& tensor = json[name] = {{"dtype", std::string(checkpoint::name_of(view.info.type))}, {"shape", view.info.shape}};
    if (const auto found = checksums.find(name); found != checksums.end()) tensor["xxh3_128"] = found->second;
  }
  return json;
}

}  // namespace

std::string place_of(const InspectedModel& model) {
  return model.location.path.string() + (model.location.step ? fmt::format(" (step {})", *model.location.step) : "");
}

std::vector<std::string> describe_model(const InspectedModel& model) {
  std::vector<std::string> lines{place_of(model)};
  lines.push_back(entry("architecture", architecture_text(model)));
  if (model.config) {
    lines.push_back(entry("model", decoder_text(model.config->model)));
    if (model.config->model.moe) lines.push_back(entry("experts", experts_text(model.config->model)));
  }
  lines.push_back(entry("parameters", parameters_text(model)));
  lines.push_back(entry("checksums", checksums_text(model)));
  if (model.manifest) lines.push_back(entry("stage", model.manifest->stage));
  if (!model.run_state.is_null()) lines.push_back(entry("run state", run_state_text(model.run_state)));
  if (model.optimizer) lines.push_back(entry("optimizer", state_tensors_text(*model.optimizer)));
  if (model.routing) lines.push_back(entry("routing", state_tensors_text(*model.routing)));
  for (const recipes::Receipt& receipt : model.receipts) lines.push_back(entry("receipt", receipt_text(receipt)));
  for (const std::string& note : model.notes) lines.push_back(entry("note", note));
  lines.push_back(
      entry("tensors", fmt::format("{}, {}", model.stored.tensors().size(), human_bytes(static_cast<double>(bytes_of(model.stored))))));
  const std::vector<std::string> table = tensor_table(model.stored);
  lines.insert(lines.end(), table.begin(), table.end());
  return lines;
}

ordered_json model_json(const InspectedModel& model) {
  ordered_json json = {{"model", model.name}, {"path", model.location.path.string()}};
  if (!model.location.run.empty()) json["run"] = model.location.run.string();
  if (model.location.step) json["step"] = *model.location.step;
  if (model.manifest) json["stage"] = model.manifest->stage;
  json["loadable"] = model.problem.empty();
  if (!model.problem.empty()) json["problem"] = model.problem;
  const recipes::ArchitectureChoice choice = architecture_of(model);
  json["architecture"] = choice.architecture ? ordered_json(std::string(recipes::class_of(*choice.architecture))) : ordered_json(nullptr);
  if (!choice.architecture) json["architecture_reason"] = choice.reason;
  if (model.config) {
    const recipes::ParameterCount count = recipes::count_parameters(model.config->model);
    json["parameters"] = count.total;
    json["active_parameters"] = count.active;
  }
  json["config"] = model.config_json;
  json["checksums"] = model.manifest ? "verified" : "none";
  const checkpoint::Manifest* manifest = model.manifest ? &*model.manifest : nullptr;
  json["tensors"] = tensors_json(model.stored, manifest, "");
  if (!model.run_state.is_null()) json["state"]["run"] = model.run_state;
  if (model.optimizer) json["state"]["optimizer"] = tensors_json(*model.optimizer, manifest, "state/");
  if (model.routing) json["state"]["routing"] = tensors_json(*model.routing, manifest, "state/");
  for (const recipes::Receipt& receipt : model.receipts)
    json["receipts"].push_back(ordered_json::parse(recipes::receipt_row(receipt).to_json()));
  if (!model.notes.empty()) json["notes"] = model.notes;
  if (!model.location.warnings.empty()) json["warnings"] = model.location.warnings;
  return json;
}

}  // namespace sluice
