#include "launch/commands/inspected_model.hpp"

#include <filesystem>
#include <utility>

#include "core/base/error.hpp"
#include "core/base/file_kind.hpp"
#include "core/base/files.hpp"
#include "recipes/convert/model_folder.hpp"
#include "recipes/convert/architecture.hpp"

namespace sluice {
namespace {

namespace fs = std::filesystem;
using nlohmann::ordered_json;

ordered_json read_json(const fs::path& path) {
  const std::string text = read_file(path);
  refuse_foreign(text, path.string(), "JSON", "copy or download it again");
  ordered_json json = ordered_json::parse(text, nullptr, false);
  if (json.is_discarded()) throw data_error("{}: damaged: not JSON", path.string());
  return json;
}

/// Adds a warning for each tokenizer file that is a dangling link, a pointer to a file kept elsewhere, or damaged. Inspecting a model does
/// not need these files, using it does.
void look_at_tokenizer(const fs::path& folder, InspectedModel& model) {
  for (const char* name : {"tokenizer.json", "tokenizer_config.json"}) {
    try {
      require_no_dangling_link(folder / name);
      if (fs::exists(folder / name)) read_json(folder / name);
    } catch (const Error& error) {
      model.location.warnings.push_back(error.what());
    }
  }
}

/// Tensors of a folder that does not open as a model.
void read_tensors_alone(const fs::path& path, InspectedModel& model) {
  model.stored = checkpoint::TensorIndex::open(path);
  const fs::path config = path / "config.json";
  try {
    model.config = recipes::parse_config(read_file(config), config.string());
  } catch (const Error&) {
    // The error is in `problem` already.
  }
  // Tensors get their canonical names where the architecture names them otherwise.
  std::map<std::string, std::string> ours;
  if (model.config)
    for (const recipes::StoredTensor& tensor : recipes::stored_tensors(model.config->model, model.config->architecture, {}))
      if (!tensor.parts.empty()) ours[tensor.info.name] = tensor.parts.front().tensor.name;
  for (const auto& [name, view] : model.stored.tensors()) model.tensors.emplace(ours.count(name) != 0 ? ours.at(name) : name, view);
}

std::optional<checkpoint::TensorIndex> open_state(const fs::path& checkpoint, const checkpoint::Manifest& manifest,
                                                  const std::string& stem) {
  for (const auto& [file, record] : manifest.tensor_files)
    if (file.starts_with("state/" + stem)) return checkpoint::TensorIndex::open(checkpoint / "state", stem);
  return std::nullopt;
}

InspectedModel open_at(const std::string& name, const checkpoint::ModelLocation& location) {
  InspectedModel model;
  model.name = name;
  model.location = location;
  const fs::path& path = location.path;
  model.config_json = read_json(path / "config.json");
  try {
    recipes::ModelFolder folder = recipes::open_model_folder(path);
    model.config = std::move(folder.config);
    model.notes = std::move(folder.notes);
    model.stored = std::move(folder.index);
    model.tensors = std::move(folder.tensors);
  } catch (const Error& error) {
    if (checkpoint::went_away(location)) throw;
    model.problem = error.what();
    read_tensors_alone(path, model);
  }
  look_at_tokenizer(path, model);
  if (location.step) {
    model.manifest = checkpoint::read_manifest(path);
    model.optimizer = open_state(path, *model.manifest, "optimizer");
    model.routing = open_state(path, *model.manifest, "routing");
    if (fs::exists(path / "state" / "run.json")) model.run_state = read_json(path / "state" / "run.json");
    // The checkpoint's own receipts: the run's file also has those of later conversions.
    model.receipts = recipes::read_receipts(path / "state" / "receipts.jsonl");
  }
  return model;
}

}  // namespace

InspectedModel open_inspected_model(const std::string& name) {
  InspectedModel model;
  checkpoint::open_located(name, checkpoint::VerifyDepth::kEverything,
                           [&](const checkpoint::ModelLocation& location) { model = open_at(name, location); });
  return model;
}

}  // namespace sluice
