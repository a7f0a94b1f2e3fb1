// What a user may name as a model: RUN, RUN@STEP, a checkpoint folder, or a Hugging Face folder.
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
  std::filesystem::path run;          // the run it belongs to, "" if none
  std::optional<std::int64_t> step;   // of our checkpoints
  std::vector<std::string> warnings;  // damaged newer checkpoints that were skipped
  bool is_latest = false;             // the run was named, and this is its latest
  FolderIdentity folder;              // what `path` led to
};

/// A run is a folder with `checkpoints` in it, or the name of one in `runs`; without @STEP its latest good checkpoint is meant.
/// Our own checkpoints are verified to `depth`. Data error if there is no such model, listing the steps there are.
ModelLocation locate_model(const std::string& name, VerifyDepth depth = VerifyDepth::kEverything);

/// Whether `location` no longer leads to what was found there: the run that goes on has removed that checkpoint, or written it anew.
bool went_away(const ModelLocation& location);

/// Data error in one line for a model of that name that went away while it was read.
Error went_away_error(const std::string& name);

/// How often a run's latest checkpoint may go away before whoever reads it gives up.
inline constexpr int kMostTries = 20;

/// Finds `name` and opens what it finds. A run that goes on removes old checkpoints, which may be the one that is being opened: then its
/// latest by now is opened instead (`open` is called again, whether it threw or saw a part); one that was named by its step or folder is
/// told to have gone away (data error). Files that `open` has mapped stay what they are.
void open_located(const std::string& name, VerifyDepth depth, const std::function<void(const ModelLocation&)>& open);

}  // namespace sluice::checkpoint
