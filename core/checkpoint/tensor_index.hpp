// All tensors of a folder of safetensors files, ours or Hugging Face's: one file, or shards with an index.
#pragma once

#include "core/checkpoint/container.hpp"

#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace sluice::checkpoint {

class TensorIndex {
 public:
  /// Reads STEM.safetensors, or STEM.safetensors.index.json and exactly the shards it names. Data error if neither or both are
  /// there, if index and shards disagree on any tensor, or if shards lie about that the index does not name (stale ones).
  static TensorIndex open(const std::filesystem::path& folder, const std::string& stem = "model");

  const std::filesystem::path& folder() const { return folder_; }
  /// By name; valid while the index lives.
  const std::map<std::string, TensorView>& tensors() const { return tensors_; }
  bool contains(const std::string& name) const { return tensors_.count(name) != 0; }
  /// Data error if there is no such tensor.
  const TensorView& at(const std::string& name) const;

 private:
  void add_file(const std::filesystem::path& path);

  std::filesystem::path folder_;
  std::vector<std::unique_ptr<Container>> files_;
  std::map<std::string, TensorView> tensors_;
};

}  // namespace sluice::checkpoint
