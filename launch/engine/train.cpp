#include "core/base/error.hpp"
#include "core/base/file_kind.hpp"
#include "core/base/log.hpp"
#include "core/base/standard_output.hpp"
#include "core/checkpoint/model_location.hpp"
#include "launch/engine/commands.hpp"
#include "launch/engine/world_session.hpp"
#include "parallel/comm/launcher.hpp"
#include "recipes/convert/model_folder.hpp"
#include "recipes/run/run_directory.hpp"
#include "recipes/run/stop_signal.hpp"
#include "recipes/schema/read_recipe.hpp"
#include "recipes/stages/rank0.hpp"
#include "recipes/stages/run.hpp"

#include <filesystem>
#include <optional>

namespace sluice {
namespace {

recipes::InitialModel read_initial_model(const std::string& init_from, const std::filesystem::path& run) {
  // A run that goes on does not read the model that it started from: that may have changed, or be gone.
  const recipes::RunDirectory directory(run);
  if (std::filesystem::exists(directory.resolved_recipe()) && directory.state() != recipes::RunStatus::kNew) {
    const recipes::Recipe before = recipes::read_recipe(directory.resolved_recipe());
    if (before.init_from == init_from)
      return {before.model, before.initial_moe,
              before.data.tokenizer.type == recipes::TokenizerType::kFile ? before.data.tokenizer.path : std::string()};
  }
  recipes::InitialModel initial;
  checkpoint::open_located(init_from, checkpoint::VerifyDepth::kStructure, [&](const checkpoint::ModelLocation& location) {
    const recipes::ModelFolder model = recipes::open_model_folder(location.path);
    // A run has one tokenizer, in its own folder, which stays while its checkpoints come and go.
    std::filesystem::path tokenizer = location.run / "tokenizer.json";
    if (location.run.empty() || !std::filesystem::exists(tokenizer)) tokenizer = location.path / "tokenizer.json";
    require_no_dangling_link(tokenizer);
    initial = {model.config.model.decoder, model.config.model.moe, std::filesystem::exists(tokenizer) ? tokenizer.string() : std::string()};
  });
  return initial;
}

}  // namespace

int train_command(const TrainOptions& options) {
  // The handlers come first, so that a request to stop is not lost while the rest starts.
  const parallel::LauncherEnvironment launcher = parallel::detect_launcher();
  recipes::install_stop_signals(!launcher.launched());
  // Training goes on if standard output is closed or its disk is full: the run's record is in its folder.
  make_standard_output_optional();
  std::optional<recipes::Recipe> recipe;
  std::optional<Error> problem;
  try {
    recipe = recipes::read_recipe(options.recipe, options.overrides, read_initial_model);
  } catch (const Error& error) {
    problem = error;
  }
  parallel::WorldOptions world;
  if (recipe) {
    world.deadline_seconds = recipe->parallel.timeout_seconds;
    world.backend = recipe->parallel.backend;
  }
  return run_in_world(world, [&](parallel::World& w) {
    // If one rank cannot read the recipe, or reads it otherwise (its node has another version), all ranks end; one of them says why.
    recipes::on_all_ranks(w, "recipe", [&] {
      if (problem) throw *problem;
    });
    const std::string resolved = recipes::dump(*recipe);
    const std::string first = recipes::on_rank0(w, "recipe", [&](const recipes::Heartbeat&) { return resolved; });
    recipes::on_all_ranks(w, "recipe", [&] {
      if (resolved != first) throw usage_error("{}: reads otherwise here than on rank 0; do all nodes see the same files?", options.recipe);
    });
    return static_cast<int>(recipes::run_recipe(w, *recipe, resolved));
  });
}

}  // namespace sluice
