#include "core/base/error.hpp"
#include "core/base/log.hpp"
#include "core/checkpoint/model_location.hpp"
#include "launch/engine/commands.hpp"
#include "launch/engine/world_session.hpp"
#include "parallel/comm/launcher.hpp"
#include "recipes/convert/model_folder.hpp"
#include "recipes/schema/dump.hpp"
#include "recipes/schema/read_recipe.hpp"
#include "recipes/stages/run.hpp"

#include <cstdlib>
#include <filesystem>

namespace sluice {
namespace {

recipes::InitialModel read_initial_model(const std::string& init_from) {
  const std::filesystem::path folder = checkpoint::locate_model(init_from, checkpoint::VerifyDepth::kStructure).path;
  const recipes::ModelFolder model = recipes::open_model_folder(folder);
  const std::filesystem::path tokenizer = folder / "tokenizer.json";
  return {model.config.model.decoder, model.config.model.moe, std::filesystem::exists(tokenizer) ? tokenizer.string() : std::string()};
}

}  // namespace

int train_command(const TrainOptions& options) {
  // A wrong recipe is told before any other rank is waited for.
  recipes::Recipe recipe;
  try {
    recipe = recipes::read_recipe(options.recipe, options.overrides, read_initial_model);
  } catch (const Error& error) {
    // Every rank reads the same file; one of them says what is wrong.
    if (parallel::detect_launcher([](const char* name) -> const char* { return std::getenv(name); }).rank == 0) log_error("{}", error.what());
    return static_cast<int>(error.code());
  }
  parallel::WorldOptions world;
  world.deadline_seconds = recipe.parallel.timeout_seconds;
  switch (recipe.parallel.backend) {
    case recipes::Backend::kAuto: world.backend = parallel::CommBackend::kAuto; break;
    case recipes::Backend::kLoopback: world.backend = parallel::CommBackend::kLoopback; break;
    case recipes::Backend::kMpi: world.backend = parallel::CommBackend::kMpi; break;
  }
  return run_in_world(world, [&](parallel::World& w) { return static_cast<int>(recipes::run_recipe(w, recipe, recipes::dump(recipe))); });
}

}  // namespace sluice
