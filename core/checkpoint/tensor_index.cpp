#include "core/checkpoint/tensor_index.hpp"

#include "core/base/error.hpp"
#include "core/base/file_kind.hpp"
#include "core/base/files.hpp"
#include "core/checkpoint/name_order.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <set>

namespace sluice::checkpoint {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

/// Tensor to file name, from an index.
std::map<std::string, std::string> read_weight_map(const fs::path& path) {
  const std::string text = read_file(path);
  refuse_foreign(text, path.string(), "an index of shards", "save the model as safetensors");
  const json index = json::parse(text, nullptr, false);
  if (!index.is_object() || !index.contains("weight_map") || !index["weight_map"].is_object())
    throw data_error("{}: damaged: expected a JSON object with 'weight_map'", path.string());
  std::map<std::string, std::string> map;
  for (const auto& [tensor, file] : index["weight_map"].items()) {
    if (!file.is_string()) throw data_error("{}: tensor '{}': expected a file name, found {}", path.string(), tensor, file.dump());
    const std::string name = file.get<std::string>();
    if (name.empty() || name.find('/') != name.npos || name == "..")
      throw data_error("{}: tensor '{}': '{}' is not a file beside the index", path.string(), tensor, name);
    map.emplace(tensor, name);
  }
  return map;
}

/// Files that readers (llama.cpp's converter, for one) take for shards of this stem.
std::set<std::string> files_of_stem(const fs::path& folder, const std::string& stem) {
  std::set<std::string> files;
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    const std::string name = it->path().filename().string();
    if (name.ends_with(kModelFileEnding) && (name.starts_with(stem + "-") || name.size() == stem.size() + kModelFileEnding.size()) &&
        name.starts_with(stem))
      files.insert(name);
  }
  if (error) throw data_error("{}: cannot be listed: {}", folder.string(), error.message());
  return files;
}

/// A file with weights as other programs keep them, the first by name; "" if there is none.
std::string other_weights(const fs::path& folder) {
  std::set<std::string> found;
  for (const auto& entry : fs::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    const bool by_stem = name.starts_with("pytorch_model") || name.starts_with("consolidated") || name.starts_with("adapter_model");
    if (by_stem || name.ends_with(".gguf") || name.ends_with(".h5") || name.ends_with(".msgpack") || name.ends_with(".onnx"))
      found.insert(name);
  }
  return found.empty() ? "" : *found.begin();
}

std::string listed(const std::vector<std::string>& names) {
  constexpr std::size_t shown = 8;
  std::vector<std::string> folded = fold_names(names);
  const std::size_t count = folded.size();
  if (count > shown) folded.resize(shown);
  return fmt::format("{} ({}{})", names.size(), fmt::join(folded, ", "), count > shown ? ", …" : "");
}

}  // namespace

TensorIndex TensorIndex::open(const fs::path& folder, const std::string& stem) {
  TensorIndex index;
  index.folder_ = folder;
  if (!fs::is_directory(folder)) throw data_error("{}: no such folder", folder.string());
  const fs::path single = folder / fmt::format("{}{}", stem, kModelFileEnding);
  const fs::path map_path = folder / fmt::format("{}{}.index.json", stem, kModelFileEnding);
  for (const fs::path& path : {single, map_path}) require_no_dangling_link(path);
  const bool sharded = fs::exists(map_path);
  std::set<std::string> present = files_of_stem(folder, stem);
  if (!sharded && !fs::exists(single)) {
    if (!present.empty()) throw data_error("{}: shards without an index: {} is missing", folder.string(), map_path.filename().string());
    if (const std::string other = other_weights(folder); stem == "model" && !other.empty())
      throw data_error("{}: weights in {} are not read: save the whole model as safetensors", folder.string(), other);
    throw data_error("{}: no {} and no {}", folder.string(), single.filename().string(), map_path.filename().string());
  }
  if (!sharded) {
    if (present.size() > 1)
      throw data_error("{}: {} and stale shards beside it ({}): remove what is out of date", folder.string(), single.filename().string(),
                       fmt::join(present, ", "));
    index.add_file(single);
    return index;
  }
  const auto map = read_weight_map(map_path);
  std::set<std::string> named;
  for (const auto& [tensor, file] : map) named.insert(file);
  for (const std::string& file : named) {
    require_no_dangling_link(folder / file);
    if (present.erase(file) == 0 && !fs::exists(folder / file)) throw data_error("{}: names {}, which is missing", map_path.string(), file);
    index.add_file(folder / file);
  }
  if (!present.empty())
    throw data_error("{}: stale shards that the index does not name: {}: remove them", folder.string(), fmt::join(present, ", "));
  std::vector<std::string> missing, extra, moved;
  for (const auto& [tensor, file] : map) {
    const auto found = index.tensors_.find(tensor);
    if (found == index.tensors_.end()) missing.push_back(tensor);
    else if (fs::path(found->second.file->path()).filename() != file) moved.push_back(tensor);
  }
  for (const auto& [tensor, view] : index.tensors_)
    if (map.count(tensor) == 0) extra.push_back(tensor);
  if (!missing.empty() || !extra.empty() || !moved.empty()) {
    std::string text;
    if (!missing.empty()) text += "; in the index but in no shard: " + listed(missing);
    if (!extra.empty()) text += "; in a shard but not in the index: " + listed(extra);
    if (!moved.empty()) text += "; in another shard than the index says: " + listed(moved);
    throw data_error("{}: index and shards disagree{}", map_path.string(), text);
  }
  return index;
}

void TensorIndex::add_file(const fs::path& path) {
  files_.push_back(open_container(path));
  const Container& file = *files_.back();
  for (const TensorView& tensor : file.tensors()) {
    const auto [place, is_new] = tensors_.emplace(tensor.info.name, tensor);
    if (!is_new) throw data_error("{}: tensor '{}' is in {} too", file.path(), tensor.info.name, place->second.file->path());
  }
}

const TensorView& TensorIndex::at(const std::string& name) const {
  const auto found = tensors_.find(name);
  if (found == tensors_.end()) throw data_error("{}: tensor '{}' is missing", folder_.string(), name);
  return found->second;
}

}  // namespace sluice::checkpoint
