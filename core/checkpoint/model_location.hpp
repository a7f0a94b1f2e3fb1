// Finds the model that a user names: a run (RUN), one step of it (RUN@STEP), a checkpoint's folder, or a Hugging Face folder.
#pragma once

#include "core/checkpoint/checkpoint_directory.hpp"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "core/base/error.hpp"

namespace sluice::checkpoint {

struct ModelLocation {
  std::filesystem::path path;         // the folder with config.json
  std::filesystem::path run;          // folder of the run that the checkpoint belongs to; "" if there is none
  std::optional<std::int64_t> step;   // of a checkpoint of ours; absent for a Hugging Face folder
  std::vector<std::string> warnings;  // one for each damaged newer checkpoint that was skipped
  bool is_latest = false;             // a run was named without a step, and this is its latest good checkpoint
  FolderIdentity folder;              // identity of `path` when it was found
};

/// Finds the model `name`. A run is a folder with `checkpoints` in it, or the name of such a folder in runs/. Without @STEP its latest good
/// checkpoint is meant. Checkpoints of ours are verified to `depth`. Data error if there is no such model; if only the step is wrong, the
/// message lists those that there are.
ModelLocation locate_model(const std::string& name, VerifyDepth depth = VerifyDepth::kEverything);

/// Whether `location.path` no longer leads to the folder that was found: the run goes on and has removed that checkpoint or written it
/// anew.
bool went_away(const ModelLocation& location);

/// Returns the data error for a model that went away while it was read, in one line.
Error went_away_error(const std::string& name);

/// How often open_located tries a run's latest checkpoint before it gives up.
inline constexpr int kMostTries = 20;

/// Finds `name` and calls open(location). A run that goes on removes old checkpoints, perhaps the one that is being opened. If the run was
/// named without a step, its new latest checkpoint is then opened instead: `open` is called again, so it must discard what it read before.
/// Otherwise this is a data error (went_away_error). Files that `open` has mapped stay readable.
void open_located(const std::string& name, VerifyDepth depth, const std::function<void(const ModelLocation&)>& open);

}  // namespace sluice::checkpoint
