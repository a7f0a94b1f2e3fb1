// Opens a folder with a model in it, ours or Hugging Face's: config.json and all tensors under their canonical names. Every tensor is
// accounted for: none is missing, extra or of another shape.
#pragma once

#include "core/checkpoint/tensor_index.hpp"
#include "recipes/convert/model_config.hpp"

#include <cstddef>
#include <deque>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace sluice::recipes {

struct ModelFolder {
  ParsedConfig config;
  checkpoint::TensorIndex index;
  /// Canonical name to bytes; exactly canonical_tensors(config.model), shapes checked, floating-point types of any width.
  std::map<std::string, checkpoint::TensorView> tensors;
  std::deque<std::vector<std::byte>> rearranged;  // the bytes of those that files hold in another order than ours
  std::vector<std::string> notes;                 // tensors and settings that are ignored, and why
};

/// Data error naming folder, file, key or tensors: a config we do not compute, damaged files, and every missing, extra or mis-shaped
/// tensor in one report. Checksums are not compared here (verify.hpp).
ModelFolder open_model_folder(const std::filesystem::path& folder);

}  // namespace sluice::recipes
