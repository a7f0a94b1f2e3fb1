#include "core/checkpoint/checkpoint_directory.hpp"

#include "core/base/cannot_look.hpp"
#include "core/base/error.hpp"
#include "core/base/files.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <map>

namespace sluice::checkpoint {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kStep = "step-";
constexpr std::string_view kWriting = ".writing-";
constexpr std::string_view kReplaced = ".replaced-";
constexpr std::string_view kRemoving = ".removing-";
constexpr int kMostLooks = 100;

fs::path marked(const fs::path& checkpoints, std::string_view mark, std::int64_t step) {
  return checkpoints / (std::string(mark) + step_folder_name(step));
}

void rename_folder(const fs::path& from, const fs::path& to) {
  std::error_code error;
  fs::rename(from, to, error);
  if (error) throw data_error("{}: cannot be renamed to {}: {}", from.string(), to.string(), error.message());
}

void remove_tree(const fs::path& path) {
  std::error_code error;
  fs::remove_all(path, error);
  if (error) throw data_error("{}: cannot be removed: {}", path.string(), error.message());
}

void make_folders(const fs::path& path) {
  std::error_code error;
  fs::create_directories(path, error);
  if (error) throw data_error("{}: cannot be created: {}", path.string(), error.message());
}

/// Out of sight in one step, so that a kill half-way leaves no half checkpoint.
void remove_checkpoint(const fs::path& checkpoints, std::int64_t step) {
  const fs::path away = marked(checkpoints, kRemoving, step);
  remove_tree(away);
  rename_folder(checkpoints / step_folder_name(step), away);
  remove_tree(away);
}

void sync_tree(const fs::path& root) {
  for (const auto& entry : fs::recursive_directory_iterator(root))
    if (entry.is_directory()) sync_directory(entry.path());
  sync_directory(root);
}

}  // namespace

std::string step_folder_name(std::int64_t step) { return fmt::format("{}{:08}", kStep, step); }

std::optional<std::int64_t> parse_step_folder(std::string_view name) {
  if (!name.starts_with(kStep)) return std::nullopt;
  const std::string_view digits = name.substr(kStep.size());
  if (digits.size() < 8 || digits.size() > 18 || digits.find_first_not_of("0123456789") != digits.npos) return std::nullopt;
  const std::int64_t step = std::stoll(std::string(digits));
  return step_folder_name(step) == name ? std::optional(step) : std::nullopt;
}

FolderIdentity identify_folder(const fs::path& path) {
  struct stat info {};
  if (stat(path.c_str(), &info) != 0 || !S_ISDIR(info.st_mode)) return {};
  return {info.st_dev, info.st_ino};
}

std::vector<CheckpointEntry> list_checkpoints(const fs::path& checkpoints) {
  std::vector<CheckpointEntry> entries;
  std::error_code error;
  if (!fs::exists(checkpoints, error)) return entries;
  for (fs::directory_iterator it(checkpoints, error), end; !error && it != end; it.increment(error))
    if (const auto step = parse_step_folder(it->path().filename().string()))
      if (const FolderIdentity folder = identify_folder(it->path()); folder != FolderIdentity{})
        entries.push_back({*step, it->path(), folder});
  if (error) throw data_error("{}: cannot be listed: {}", checkpoints.string(), error.message());
  std::sort(entries.begin(), entries.end(), [](const auto& a, const auto& b) { return a.step < b.step; });
  return entries;
}

namespace {

/// The newest of `entries` that passes; those that are gone by now are neither good nor skipped.
LatestCheckpoint newest_good(const std::vector<CheckpointEntry>& entries, VerifyDepth depth, const VerifyProgress& got_on) {
  LatestCheckpoint latest;
  for (auto entry = entries.rbegin(); entry != entries.rend(); ++entry) {
    try {
      latest.manifest = read_manifest(entry->path);
      if (latest.manifest.step != entry->step)
        throw data_error("{}: the manifest is of step {}", entry->path.string(), latest.manifest.step);
      require_undamaged(entry->path, verify_checkpoint(entry->path, latest.manifest, depth, got_on));
      latest.good = *entry;
      return latest;
    } catch (const FormatVersionError&) {
      throw;
    } catch (const CannotLook&) {
      throw;
    } catch (const Error& error) {
      if (identify_folder(entry->path) == entry->folder) latest.skipped.push_back({entry->path, error.what()});
    }
  }
  latest.manifest = {};
  return latest;
}

}  // namespace

LatestCheckpoint latest_good_checkpoint(const fs::path& checkpoints, VerifyDepth depth, const VerifyProgress& got_on) {
  // Where none is found and the folder has changed meanwhile, a newer one has come: a run removes none before.
  for (int look = 1;; ++look) {
    const std::vector<CheckpointEntry> entries = list_checkpoints(checkpoints);
    LatestCheckpoint latest = newest_good(entries, depth, got_on);
    if (latest.good || look == kMostLooks || list_checkpoints(checkpoints) == entries) return latest;
  }
}

fs::path set_damaged_aside(const fs::path& checkpoints, std::int64_t step) {
  fs::path aside = checkpoints / ("damaged-" + step_folder_name(step));
  for (int copy = 2; fs::exists(aside); ++copy) aside = checkpoints / fmt::format("damaged-{}.{}", step_folder_name(step), copy);
  rename_folder(checkpoints / step_folder_name(step), aside);
  sync_directory(checkpoints);
  return aside;
}

fs::path save_path(const fs::path& checkpoints, std::int64_t step) { return marked(checkpoints, kWriting, step); }

fs::path prepare_save(const fs::path& checkpoints, std::int64_t step, const std::vector<std::string>& models) {
  const fs::path save = save_path(checkpoints, step);
  remove_tree(save);
  for (const std::string& model : models) make_folders(save / model / "state");
  return save;
}

FileRecord write_checkpoint_file(const fs::path& save, const std::string& name, std::string_view content) {
  const fs::path path = save / name;
  make_folders(path.parent_path());
  write_file_atomically(path, content);
  return {content.size(), checksum_of(content)};
}

fs::path commit_save(const fs::path& checkpoints, const Manifest& manifest, VerifyDepth depth) {
  const fs::path save = save_path(checkpoints, manifest.step);
  write_file_atomically(save / kManifestName, to_json(manifest));
  // Read back what readers will read.
  require_undamaged(save, verify_checkpoint(save, read_manifest(save), depth));
  sync_tree(save);
  const fs::path final_path = checkpoints / step_folder_name(manifest.step);
  const fs::path replaced = marked(checkpoints, kReplaced, manifest.step);
  const bool replaces = fs::exists(final_path);
  if (replaces) {
    remove_tree(replaced);
    rename_folder(final_path, replaced);
  }
  rename_folder(save, final_path);
  sync_directory(checkpoints);
  std::error_code later;  // the new checkpoint is in place; what cannot be removed now is a leftover of the next start
  if (replaces) fs::remove_all(replaced, later);
  return final_path;
}

std::vector<std::string> remove_leftovers(const fs::path& checkpoints) {
  std::vector<std::string> cleared;
  if (!fs::exists(checkpoints)) return cleared;
  std::vector<fs::path> found;
  for (const auto& entry : fs::directory_iterator(checkpoints)) found.push_back(entry.path());
  std::sort(found.begin(), found.end());
  for (const fs::path& path : found) {
    const std::string name = path.filename().string();
    const auto step_after = [&](std::string_view mark) {
      return name.starts_with(mark) ? parse_step_folder(std::string_view(name).substr(mark.size())) : std::nullopt;
    };
    if (const auto step = step_after(kReplaced); step && !fs::exists(checkpoints / step_folder_name(*step))) {
      rename_folder(path, checkpoints / step_folder_name(*step));  // killed between the two renames of commit_save
      cleared.push_back(name);
    } else if (step || step_after(kWriting) || step_after(kRemoving)) {
      remove_tree(path);
      cleared.push_back(name);
    }
  }
  if (!cleared.empty()) sync_directory(checkpoints);
  return cleared;
}

std::vector<std::int64_t> steps_to_prune(const std::vector<StepAndStage>& checkpoints, std::int64_t keep,
                                         const std::set<std::int64_t>& protected_steps) {
  std::map<std::string, std::int64_t> last_of_stage;
  std::vector<std::int64_t> steps;
  for (const StepAndStage& checkpoint : checkpoints) {
    const auto [last, is_new] = last_of_stage.emplace(checkpoint.stage, checkpoint.step);
    if (!is_new) last->second = std::max(last->second, checkpoint.step);
    steps.push_back(checkpoint.step);
  }
  std::set<std::int64_t> kept = protected_steps;
  for (const auto& [stage, step] : last_of_stage) kept.insert(step);
  std::sort(steps.begin(), steps.end());
  const auto newest = static_cast<std::size_t>(std::max<std::int64_t>(keep, 1));
  std::vector<std::int64_t> pruned;
  for (std::size_t i = 0; i + newest < steps.size(); ++i)
    if (kept.count(steps[i]) == 0) pruned.push_back(steps[i]);
  return pruned;
}

std::vector<std::int64_t> prune_checkpoints(const fs::path& checkpoints, std::int64_t keep, const std::set<std::int64_t>& protected_steps) {
  std::vector<StepAndStage> readable;
  std::vector<std::int64_t> unreadable;
  for (const CheckpointEntry& entry : list_checkpoints(checkpoints)) {
    try {
      readable.push_back({entry.step, read_manifest(entry.path).stage});
    } catch (const FormatVersionError&) {
    } catch (const CannotLook&) {
      throw;
    } catch (const Error&) {
      unreadable.push_back(entry.step);
    }
  }
  std::vector<std::int64_t> pruned = steps_to_prune(readable, keep, protected_steps);
  for (const std::int64_t step : unreadable) {
    const auto newer = std::count_if(readable.begin(), readable.end(), [&](const auto& other) { return other.step > step; });
    if (newer >= std::max<std::int64_t>(keep, 1) && protected_steps.count(step) == 0) pruned.push_back(step);
  }
  std::sort(pruned.begin(), pruned.end());
  for (const std::int64_t step : pruned) remove_checkpoint(checkpoints, step);
  if (!pruned.empty()) sync_directory(checkpoints);
  return pruned;
}

}  // namespace sluice::checkpoint
