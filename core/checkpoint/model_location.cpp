#include "core/checkpoint/model_location.hpp"

#include "core/base/error.hpp"
#include "core/base/file_kind.hpp"
#include "core/checkpoint/checkpoint_directory.hpp"

#include <fmt/format.h>

namespace sluice::checkpoint {
namespace {

namespace fs = std::filesystem;

ModelLocation verified(const std::string& name, const fs::path& path, VerifyDepth depth) {
  ModelLocation location;
  location.path = path;
  location.folder = identify_folder(path);
  try {
    const Manifest manifest = read_manifest(path);
    require_undamaged(path, verify_checkpoint(path, manifest, depth));
    location.step = manifest.step;
  } catch (const Error&) {
    if (went_away(location)) throw went_away_error(name);
    throw;
  }
  const fs::path folder = fs::weakly_canonical(path).parent_path();
  if (folder.filename() == "checkpoints") location.run = folder.parent_path();
  return location;
}

ModelLocation latest_of(const fs::path& run, VerifyDepth depth) {
  const LatestCheckpoint latest = latest_good_checkpoint(run / "checkpoints", depth);
  if (!latest.good && latest.skipped.empty()) throw data_error("{}: the run has no checkpoint yet", run.string());
  if (!latest.good) throw data_error("{}: no good checkpoint: {}", run.string(), latest.skipped.front().reason);
  ModelLocation location{latest.good->path, run, latest.good->step, {}, true, latest.good->folder};
  for (const SkippedCheckpoint& skipped : latest.skipped) location.warnings.push_back("skipped " + skipped.reason);
  return location;
}

bool is_run(const fs::path& path) { return fs::is_directory(path / "checkpoints"); }

/// The run of that name, as a path or in runs/.
std::optional<fs::path> find_run(const std::string& name) {
  if (name.empty()) return std::nullopt;
  if (is_run(name)) return fs::path(name);
  if (is_run(fs::path("runs") / name)) return fs::path("runs") / name;
  return std::nullopt;
}

}  // namespace

ModelLocation locate_model(const std::string& name, VerifyDepth depth) {
  const fs::path path(name);
  // Absent they mean another kind of folder.
  for (const fs::path& file : {path, path / kManifestName, path / "config.json"}) require_no_dangling_link(file);
  if (fs::exists(path / kManifestName)) return verified(name, path, depth);
  if (const auto run = find_run(name)) return latest_of(*run, depth);
  if (fs::exists(path / "config.json")) return {path, {}, std::nullopt, {}, false, identify_folder(path)};
  if (fs::is_directory(path))
    throw data_error(
        "{}: neither a run (no 'checkpoints' in it), nor a checkpoint of ours (no manifest.json), nor a Hugging Face folder (no "
        "config.json)",
        name);
  const std::size_t at = name.rfind('@');
  const auto run = at == name.npos ? std::nullopt : find_run(name.substr(0, at));
  if (!run) throw data_error("{}: no such run, checkpoint or folder (runs are also looked up in runs/)", name);
  const std::string digits = name.substr(at + 1);
  if (digits.empty() || digits.size() > 15 || digits.find_first_not_of("0123456789") != digits.npos)
    throw data_error("{}: expected a step after '@', found '{}'", name, digits);
  const fs::path checkpoint = *run / "checkpoints" / step_folder_name(std::stoll(digits));
  if (!fs::is_directory(checkpoint)) {
    std::vector<std::int64_t> steps;
    for (const CheckpointEntry& entry : list_checkpoints(*run / "checkpoints")) steps.push_back(entry.step);
    throw data_error("{}: the run has no checkpoint of step {}; it has: {}", name, digits,
                     steps.empty() ? "none" : fmt::format("{}", fmt::join(steps, ", ")));
  }
  ModelLocation location = verified(name, checkpoint, depth);
  location.run = *run;
  return location;
}

bool went_away(const ModelLocation& location) {
  return location.folder == FolderIdentity{} || identify_folder(location.path) != location.folder;
}

Error went_away_error(const std::string& name) {
  return data_error("{}: went away while it was read: its run goes on and keeps only its latest checkpoints (checkpoint.keep)", name);
}

void open_located(const std::string& name, VerifyDepth depth, const std::function<void(const ModelLocation&)>& open) {
  for (int tries = 1;; ++tries) {
    const ModelLocation location = locate_model(name, depth);
    try {
      open(location);
      if (!went_away(location)) return;
    } catch (const std::exception&) {
      if (!went_away(location)) throw;
    }
    if (!location.is_latest || tries == kMostTries) throw went_away_error(name);
  }
}

}  // namespace sluice::checkpoint
