#include "recipes/convert/model_folder.hpp"

#include "core/base/error.hpp"
#include "core/base/files.hpp"
#include "core/checkpoint/accounting.hpp"
#include "recipes/convert/architecture.hpp"

#include <algorithm>
#include <map>

namespace sluice::recipes {
namespace {

namespace fs = std::filesystem;
using checkpoint::TensorInfo;
using checkpoint::TensorView;

bool same_bytes(const TensorView& a, const TensorView& b) {
  return a.info.type == b.info.type && a.info.shape == b.info.shape && std::ranges::equal(a.bytes, b.bytes);
}

/// Data error unless the tensor, which the architecture requires and the model does not have (a selection bias), is all zeros.
void require_zeros(const std::string& name, const TensorView& view) {
  if (std::ranges::any_of(view.bytes, [](std::byte byte) { return byte != std::byte{0}; }))
    throw data_error(
        "{}: tensor '{}' is not zero, although \"sluice\" in config.json says the model has no selection bias: set has_router_bias there",
        view.file->path(), name);
}

/// The bytes of one of our tensors inside a stored one.
TensorView view_of(const TensorView& stored, const StoredPart& part) {
  const TensorInfo info{part.tensor.name, stored.info.type, part.tensor.shape};
  const auto bytes_of = [&](std::uint64_t elements) { return *checkpoint::byte_count(info.type, {static_cast<std::int64_t>(elements)}); };
  return {info, stored.bytes.subspan(bytes_of(static_cast<std::uint64_t>(part.offset)), *checkpoint::byte_count(info.type, info.shape)),
          stored.file, stored.offset + bytes_of(static_cast<std::uint64_t>(part.offset))};
}

}  // namespace

ModelFolder open_model_folder(const std::filesystem::path& path) {
  const std::filesystem::path config_path = path / "config.json";
  ModelFolder folder{parse_config(read_file(config_path), config_path.string()), checkpoint::TensorIndex::open(path), {}, {}, {}};
  if (fs::exists(path / "adapter_config.json"))
    throw data_error("{}: has an adapter (adapter_config.json), which is not read and would be missing from the model: merge it first",
                     path.string());
  folder.notes = folder.config.notes;
  const ModelDescription& model = folder.config.model;
  const Architecture* architecture = folder.config.architecture;

  std::vector<std::string> names;
  for (const auto& [name, view] : folder.index.tensors()) names.push_back(name);
  std::vector<TensorInfo> expected, found;
  std::map<std::string, StoredTensor> by_name;
  for (StoredTensor& tensor : stored_tensors(model, architecture, names)) {
    // A tensor without elements may be absent: some writers leave it out.
    const bool is_empty = std::ranges::find(tensor.info.shape, 0) != tensor.info.shape.end();
    if (is_empty && !folder.index.contains(tensor.info.name)) continue;
    expected.push_back(tensor.info);
    by_name.emplace(tensor.info.name, std::move(tensor));
  }
  const std::string embedding = name_of(TensorId{"", TensorPart::kEmbedding});
  for (const auto& [name, view] : folder.index.tensors()) {
    const auto known = by_name.find(name);
    const LeftAside aside = architecture != nullptr && known == by_name.end() ? left_aside(model, *architecture, name) : LeftAside{};
    if (!aside.reason.empty()) {
      if (aside.is_tied_head && folder.index.contains(embedding) && !same_bytes(view, folder.index.at(embedding)))
        throw data_error("{}: tensor '{}' differs from '{}', although tie_word_embeddings says they are one", view.file->path(), name,
                         embedding);
      folder.notes.push_back(name + " is left aside: " + aside.reason);
      continue;
    }
    found.push_back(view.info);
  }
  checkpoint::require_all_accounted(checkpoint::account_tensors(expected, found), path.string());
  for (const auto& [name, tensor] : by_name) {
    const TensorView& view = folder.index.at(name);
    if (tensor.parts.empty()) require_zeros(name, view);  // required by the architecture, no part of the model
    for (const StoredPart& part : tensor.parts) {
      TensorView ours = view_of(view, part);
      if (part.is_rearranged())
        ours.bytes = folder.rearranged.emplace_back(from_stored(part, ours.bytes, *checkpoint::byte_count(ours.info.type, {1})));
      folder.tensors.emplace(part.tensor.name, std::move(ours));
    }
  }
  return folder;
}

}  // namespace sluice::recipes
