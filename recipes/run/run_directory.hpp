// What lies where in a run directory (a stable contract) and what a start finds in it.
// A start does this, on rank 0: create(), then RunLock (which needs the directory), then remove_leftovers() and state() (which another
// process could change without the lock).
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>

namespace sluice::recipes {

enum class RunStatus {
  kNew,        // no complete checkpoint: training starts from scratch, leftovers of an earlier start are overwritten
  kResumable,  // at least one complete checkpoint
  kFinished,   // summary.json says so
};

class RunDirectory {
 public:
  explicit RunDirectory(std::filesystem::path path) : path_(std::move(path)) {}

  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path resolved_recipe() const { return path_ / "recipe.resolved.yaml"; }
  std::filesystem::path metrics() const { return path_ / "metrics.jsonl"; }
  std::filesystem::path receipts() const { return path_ / "receipts.jsonl"; }
  std::filesystem::path tokenizer() const { return path_ / "tokenizer.json"; }
  std::filesystem::path summary() const { return path_ / "summary.json"; }
  std::filesystem::path log() const { return path_ / "log.txt"; }
  std::filesystem::path checkpoints() const { return path_ / "checkpoints"; }
  /// checkpoints/step-00001000
  std::filesystem::path checkpoint(std::int64_t step) const;

  /// Makes the directory and checkpoints/. Usage error (exit 2) if something else is in its place or it cannot be written to.
  void create() const;
  /// Removes temporary files that a killed start left. Call it only while holding the run's lock.
  void remove_leftovers() const;
  void write_resolved_recipe(std::string_view yaml) const;

  /// A complete checkpoint is a folder step-N with a manifest (it is renamed into place last); whether it loads is for its reader
  /// to find out. Data error (exit 3) if summary.json is damaged.
  RunStatus state() const;

 private:
  std::filesystem::path path_;
};

/// The step in the name of a checkpoint folder ("step-00001000"), -1 for any other name.
std::int64_t checkpoint_step(std::string_view folder_name);

}  // namespace sluice::recipes
