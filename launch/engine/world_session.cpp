#include "launch/engine/world_session.hpp"

#include "core/base/log.hpp"
#include "core/tensor/error_line.hpp"
#include "parallel/comm/launcher.hpp"
#include "recipes/stages/rank0.hpp"

namespace sluice {
namespace {

// Errors computed from the same values on every rank: usage of a recipe, divergence of the (global) loss.
bool shared_by_all(const std::exception& exception, const Error& error) {
  return dynamic_cast<const recipes::AgreedError*>(&exception) != nullptr || error.code() == ExitCode::kUsage || error.code() == ExitCode::kDiverged;
}

}  // namespace

int run_in_world(const parallel::WorldOptions& options, const std::function<int(parallel::World&)>& body) {
  std::unique_ptr<parallel::World> world;
  try {
    world = parallel::World::start(options);
  } catch (const Error& error) {
    // A backend that does not fit the launcher fits it nowhere; one rank says so.
    const bool first = parallel::detect_launcher().rank == 0;
    if (first || error.code() != ExitCode::kUsage) log_error("{}", error.what());
    return static_cast<int>(error.code());
  }
  set_log_rank(world->rank(), world->size());
  try {
    const int code = body(*world);
    world->shutdown();
    return code;
  } catch (const std::exception& exception) {
    const Error error = as_error(exception);
    if (!shared_by_all(exception, error)) {
      log_error("{}", error.what());
      world->abort(error);
    }
    if (world->rank() == 0) log_error("{}", error.what());
    world->shutdown();
    return static_cast<int>(error.code());
  }
}

}  // namespace sluice
