// What a user may name as a model: RUN, RUN@STEP, a checkpoint folder, or a Hugging Face folder.
#pragma once

#include "core/checkpoint/verify.hpp"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace sluice::checkpoint {

struct ModelLocation {
  std::filesystem::path path;         // the folder with config.json
  std::filesystem::path run;          // the run it belongs to, "" if none
  std::optional<std::int64_t> step;   // of our checkpoints
  std::vector<std::string> warnings;  // damaged newer checkpoints that were skipped
};

/// A run is a folder with `checkpoints` in it, or the name of one in `runs`; without @STEP its latest good checkpoint is meant.
/// Our own checkpoints are verified to `depth`. Data error if there is no such model, listing the steps there are.
ModelLocation locate_model(const std::string& name, VerifyDepth depth = VerifyDepth::kEverything);

}  // namespace sluice::checkpoint
