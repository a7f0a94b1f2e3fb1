#include "recipes/run/run_directory.hpp"

#include "core/base/error.hpp"
#include "core/base/files.hpp"
#include "core/base/parse_number.hpp"
#include "recipes/run/summary.hpp"

#include <fmt/core.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <system_error>

namespace sluice::recipes {
namespace fs = std::filesystem;

std::int64_t checkpoint_step(std::string_view folder_name) {
  constexpr std::string_view prefix = "step-";
  if (folder_name.size() < prefix.size() + 8 || folder_name.substr(0, prefix.size()) != prefix) return -1;
  const auto step = parse_number<std::int64_t>(folder_name.substr(prefix.size()));
  return step && *step >= 0 ? *step : -1;
}

fs::path RunDirectory::checkpoint(std::int64_t step) const { return checkpoints() / fmt::format("step-{:08}", step); }

void RunDirectory::create() const {
  std::error_code failure;
  fs::create_directories(checkpoints(), failure);
  if (failure)
    throw usage_error("{}: the run directory cannot be made: {}; choose another run_dir", checkpoints().string(), failure.message());
  for (const fs::path& folder : {path_, checkpoints()})
    if (access(folder.c_str(), W_OK | X_OK) != 0)
      throw usage_error("{}: the run directory cannot be written to: {}; choose another run_dir", folder.string(), std::strerror(errno));
}

void RunDirectory::remove_leftovers() const {
  for (const fs::path& file : {resolved_recipe(), metrics(), receipts(), tokenizer(), path_ / "tokenizer_config.json", summary()})
    remove_unfinished_writes(file);
}

void RunDirectory::write_resolved_recipe(std::string_view yaml) const { write_file_atomically(resolved_recipe(), yaml); }

RunStatus RunDirectory::state() const {
  if (fs::exists(summary()) && read_summary(summary()).finished) return RunStatus::kFinished;
  std::error_code failure;
  for (const auto& entry : fs::directory_iterator(checkpoints(), failure))
    if (checkpoint_step(entry.path().filename().string()) >= 0 && fs::exists(entry.path() / "manifest.json")) return RunStatus::kResumable;
  return RunStatus::kNew;
}

}  // namespace sluice::recipes
