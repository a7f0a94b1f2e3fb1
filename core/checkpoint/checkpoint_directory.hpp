// The folder RUN/checkpoints: step-00001000 and its like. A checkpoint is written aside, verified, renamed and the folder flushed,
// so that a step-… folder is always whole unless a disk or a person damaged it, which its manifest shows.
//
// A save by several ranks:   coordinator: prepare_save  |  barrier  |  each rank: writes its files into save_path, verifies them
// (verify_files), sends its part of the manifest to the coordinator  |  coordinator: merge, commit_save  |  barrier.
// Names that begin with a dot are on their way in or out; remove_leftovers clears what a killed process left of them.
#pragma once

#include "core/checkpoint/manifest.hpp"
#include "core/checkpoint/verify.hpp"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::checkpoint {

std::string step_folder_name(std::int64_t step);  // "step-00001000"
std::optional<std::int64_t> parse_step_folder(std::string_view name);

/// Which folder a path leads to: a folder that was removed and made anew under the same name is another one.
struct FolderIdentity {
  std::uint64_t device = 0, inode = 0;  // 0: there is no folder
  bool operator==(const FolderIdentity&) const = default;
};
FolderIdentity identify_folder(const std::filesystem::path& path);

struct CheckpointEntry {
  std::int64_t step = 0;
  std::filesystem::path path;
  FolderIdentity folder;  // what `path` led to
  bool operator==(const CheckpointEntry&) const = default;
};

/// By step, ascending; none if the folder does not exist.
std::vector<CheckpointEntry> list_checkpoints(const std::filesystem::path& checkpoints);

struct SkippedCheckpoint {
  std::filesystem::path path;
  std::string reason;
};
struct LatestCheckpoint {
  std::optional<CheckpointEntry> good;
  Manifest manifest;                       // of the good one
  std::vector<SkippedCheckpoint> skipped;  // newer ones, newest first, each with what is wrong: tell the user
};

/// The newest checkpoint that passes verification; those that a run which goes on removes meanwhile were never there.
/// FormatVersionError if a newer one is of another version of the program, CannotLook (core/base/cannot_look.hpp) if it cannot be opened.
LatestCheckpoint latest_good_checkpoint(const std::filesystem::path& checkpoints, VerifyDepth depth = VerifyDepth::kEverything,
                                        const VerifyProgress& got_on = {});

/// Renames a damaged checkpoint to damaged-step-…, out of the way of newer ones, with nothing lost. Returns the new path.
std::filesystem::path set_damaged_aside(const std::filesystem::path& checkpoints, std::int64_t step);

/// Where the files of a save go until it is committed.
std::filesystem::path save_path(const std::filesystem::path& checkpoints, std::int64_t step);

/// An empty save_path with an empty `state` folder in it, for each of `models` that has a name in a folder of that name (what an earlier,
/// killed save left there is removed).
std::filesystem::path prepare_save(const std::filesystem::path& checkpoints, std::int64_t step,
                                   const std::vector<std::string>& models = {""});

/// Writes a small file (and the folders it needs) into a save, durably.
FileRecord write_checkpoint_file(const std::filesystem::path& save, const std::string& name, std::string_view content);

/// Adds the manifest, verifies the save to `depth` (ranks have verified their own bytes; the coordinator sees all files), flushes the
/// folders and renames. An older checkpoint of the same step is replaced. Data error if anything is wrong; the save then stays aside
/// and every earlier checkpoint as it was. Returns the checkpoint's path.
std::filesystem::path commit_save(const std::filesystem::path& checkpoints, const Manifest& manifest,
                                  VerifyDepth depth = VerifyDepth::kStructure);

/// Clears what killed saves and removals left, and brings back a checkpoint that was being replaced. Only when no save is under way.
/// Returns the names that were cleared.
std::vector<std::string> remove_leftovers(const std::filesystem::path& checkpoints);

struct StepAndStage {
  std::int64_t step = 0;
  std::string stage;
};
/// Which of the readable checkpoints to remove: all but the newest `keep`, each stage's last and the protected ones. Pure.
std::vector<std::int64_t> steps_to_prune(const std::vector<StepAndStage>& checkpoints, std::int64_t keep,
                                         const std::set<std::int64_t>& protected_steps = {});

/// Removes them. One whose manifest cannot be read does not count; it goes once `keep` readable ones are newer. Checkpoints of
/// another version of the program neither count nor go.
std::vector<std::int64_t> prune_checkpoints(const std::filesystem::path& checkpoints, std::int64_t keep,
                                            const std::set<std::int64_t>& protected_steps = {});

}  // namespace sluice::checkpoint
