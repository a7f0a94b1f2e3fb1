// All tensors of a model's folder, ours or Hugging Face's, whether they are in one file or in several (shards) with an index.
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
  /// Opens STEM.safetensors, or STEM.safetensors.index.json and exactly the files that it names. Data error if there is neither, if the
  /// index and the files disagree about any tensor, or if the folder has further files of this stem, which must be left from another save.
  static TensorIndex open(const std::filesystem::path& folder, const std::string& stem = "model");

  const std::filesystem::path& folder() const { return folder_; }
  /// By name. Valid while the index lives.
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
