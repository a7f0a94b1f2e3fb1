// The folder RUN/checkpoints, with a folder step-00001000 and the like for each checkpoint. A checkpoint is written under another name,
// verified, renamed, and flushed to disk. So a step-... folder is always complete, unless a disk or a person damaged it, which its manifest
// shows.
//
// A save by several ranks goes like this. The coordinator (one rank) calls prepare_save; barrier. Each rank writes its files into
// save_path, verifies them (verify_files) and sends its part of the manifest to the coordinator. The coordinator merges the parts and calls
// commit_save; barrier.
//
// A name that begins with a dot is a checkpoint that is being written, replaced or removed. remove_leftovers clears what a killed process
// left.
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
/// Returns the step of a folder with such a name; nothing for any other name.
std::optional<std::int64_t> parse_step_folder(std::string_view name);

/// Identifies the folder that a path leads to. A folder that was removed and made again under the same name has another identity.
struct FolderIdentity {
  std::uint64_t device = 0, inode = 0;  // both 0: there is no folder
  bool operator==(const FolderIdentity&) const = default;
};
FolderIdentity identify_folder(const std::filesystem::path& path);

struct CheckpointEntry {
  std::int64_t step = 0;
  std::filesystem::path path;
  FolderIdentity folder;  // identity of `path` when it was listed
  bool operator==(const CheckpointEntry&) const = default;
};

/// Returns the checkpoints by ascending step; none if the folder does not exist. Data error if it cannot be listed.
std::vector<CheckpointEntry> list_checkpoints(const std::filesystem::path& checkpoints);

struct SkippedCheckpoint {
  std::filesystem::path path;
  std::string reason;
};
struct LatestCheckpoint {
  std::optional<CheckpointEntry> good;
  Manifest manifest;                       // of the good one; empty without one
  std::vector<SkippedCheckpoint> skipped;  // damaged newer ones, newest first, for the user to be told of
};

/// Returns the newest checkpoint that passes verification to `depth`; `good` is absent if none does. A run that goes on may remove
/// checkpoints meanwhile: those are neither good nor skipped, and if none is found while the folder changed, the search starts again (100
/// times at most). `got_on` is called while files are read (verify.hpp).
/// Checkpoints are tried from the newest on, and two errors end the search: FormatVersionError if a checkpoint is of another format
/// version, and CannotLook (core/base/cannot_look.hpp) if one cannot be opened. In neither case is it damaged, so an older one must not
/// stand in for it.
LatestCheckpoint latest_good_checkpoint(const std::filesystem::path& checkpoints, VerifyDepth depth = VerifyDepth::kEverything,
                                        const VerifyProgress& got_on = {});

/// Renames a damaged checkpoint to damaged-step-..., so that it is no checkpoint any more but nothing of it is lost. Returns the new path.
std::filesystem::path set_damaged_aside(const std::filesystem::path& checkpoints, std::int64_t step);

/// Returns the folder into which the files of a save are written until it is committed: .writing-step-00001000 in `checkpoints`.
std::filesystem::path save_path(const std::filesystem::path& checkpoints, std::int64_t step);

/// Makes save_path anew, and in it an empty folder `state` for each of `models`: MODEL/state, or just state for the model named "". Removes
/// what an earlier, killed save left there. Returns save_path.
std::filesystem::path prepare_save(const std::filesystem::path& checkpoints, std::int64_t step,
                                   const std::vector<std::string>& models = {""});

/// Writes a small file, and the folders that it needs, into a save and flushes it to disk. Returns its record for the manifest.
FileRecord write_checkpoint_file(const std::filesystem::path& save, const std::string& name, std::string_view content);

/// Writes the manifest into the save, verifies the save to `depth`, flushes its folders, and renames it to step-.... (The default depth is
/// enough, since each rank has verified the bytes that it wrote.) An older checkpoint of the same step is replaced. Returns the
/// checkpoint's path.
/// Data error if anything is wrong. The save then stays under its other name, and no earlier checkpoint is lost: one that was to be
/// replaced may be under a name with a dot, from where remove_leftovers brings it back.
std::filesystem::path commit_save(const std::filesystem::path& checkpoints, const Manifest& manifest,
                                  VerifyDepth depth = VerifyDepth::kStructure);

/// Removes what killed saves and removals left, and brings back a checkpoint that was being replaced. Must not be called while a save is
/// under way. Returns the names of the folders that were removed or brought back.
std::vector<std::string> remove_leftovers(const std::filesystem::path& checkpoints);

struct StepAndStage {
  std::int64_t step = 0;
  std::string stage;
};
/// Returns the steps of `checkpoints` to be removed, ascending: all but the newest max(keep, 1), the last one of each stage, and the
/// protected ones. Touches no file.
std::vector<std::int64_t> steps_to_prune(const std::vector<StepAndStage>& checkpoints, std::int64_t keep,
                                         const std::set<std::int64_t>& protected_steps = {});

/// Removes the checkpoints that steps_to_prune names, and returns their steps. One whose manifest cannot be read does not count among those
/// kept; it is removed once max(keep, 1) readable ones are newer, unless it is protected. Those of another format version neither count nor
/// are removed. Throws CannotLook if a manifest cannot be opened.
std::vector<std::int64_t> prune_checkpoints(const std::filesystem::path& checkpoints, std::int64_t keep,
                                            const std::set<std::int64_t>& protected_steps = {});

}  // namespace sluice::checkpoint
