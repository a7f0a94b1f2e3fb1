#include "recipes/convert/model_folder.hpp"

#include "core/base/error.hpp"
#include "core/base/files.hpp"
#include "core/checkpoint/accounting.hpp"
#include "recipes/convert/name_map.hpp"

#include <algorithm>
#include <set>

namespace sluice::recipes {
namespace {

namespace fs = std::filesystem;
using checkpoint::TensorInfo;
using checkpoint::TensorView;

constexpr const char* kEmbedding = "model.embed_tokens.weight";

bool same_bytes(const TensorView& a, const TensorView& b) {
  return a.info.type == b.info.type && a.info.shape == b.info.shape && std::ranges::equal(a.bytes, b.bytes);
}

/// A selection bias that the model does not have must not have become one.
void require_zeros(const std::string& name, const TensorView& view) {
  if (std::ranges::any_of(view.bytes, [](std::byte byte) { return byte != std::byte{0}; }))
    throw data_error(
        "{}: tensor '{}' is not zero, although \"sluice\" in config.json says the model has no selection bias: set has_router_bias there",
        view.file->path(), name);
}

/// Experts of a layer stacked into one tensor, as Transformers 5 writes them only on request.
void refuse_fused_experts(const ModelFolder& folder) {
  for (const auto& [name, view] : folder.index.tensors())
    if (name.ends_with(".experts.gate_up_proj"))
      throw data_error("{}: tensor '{}': experts stacked in one tensor are not read; save the model with save_original_format=True",
                       view.file->path(), name);
}

}  // namespace

ModelFolder open_model_folder(const std::filesystem::path& path) {
  const std::filesystem::path config_path = path / "config.json";
  ModelFolder folder{parse_config(read_file(config_path), config_path.string()), checkpoint::TensorIndex::open(path), {}, {}};
  if (fs::exists(path / "adapter_config.json"))
    throw data_error("{}: has an adapter (adapter_config.json), which is not read and would be missing from the model: merge it first", path.string());
  folder.notes = folder.config.notes;
  refuse_fused_experts(folder);
  const ModelDescription& model = folder.config.model;
  const auto architecture = folder.config.architecture;

  std::vector<TensorInfo> expected, found;
  std::set<std::string> zeros;  // written for the architecture's sake, no part of the model
  for (const StoredTensor& tensor : stored_tensors(model)) {
    // A tensor of width 0 that is not there is not missing: some writers leave it out.
    const bool is_empty = std::ranges::find(tensor.info.shape, 0) != tensor.info.shape.end();
    if (is_empty && !folder.index.contains(tensor.info.name)) continue;
    expected.push_back(tensor.info);
    if (!tensor.source) zeros.insert(tensor.info.name);
  }
  for (const auto& [name, view] : folder.index.tensors()) {
    const auto canonical = architecture ? to_canonical_name(*architecture, name) : std::optional(name);
    if (const auto ignored = architecture && canonical ? ignored_on_load(model, *architecture, *canonical) : std::nullopt) {
      if (ignored->is_tied_head && folder.index.contains(kEmbedding) && !same_bytes(view, folder.index.at(kEmbedding)))
        throw data_error("{}: tensor '{}' differs from '{}', although tie_word_embeddings says they are one", view.file->path(), name,
                         kEmbedding);
      folder.notes.push_back(name + " is left aside: " + ignored->reason);
      continue;
    }
    found.push_back(view.info);
    if (zeros.count(name) != 0) require_zeros(name, view);
    else if (canonical) folder.tensors.emplace(*canonical, view);
  }
  checkpoint::require_all_accounted(checkpoint::account_tensors(expected, found), path.string());
  return folder;
}

}  // namespace sluice::recipes
