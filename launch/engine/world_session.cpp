#include "launch/engine/world_session.hpp"

#include "core/base/log.hpp"
#include "recipes/run/stop_signal.hpp"
#include "recipes/stages/rank0.hpp"

namespace sluice {
namespace {

// Errors computed from the same values on every rank: usage of a recipe, divergence of the (global) loss.
bool shared_by_all(const Error& error) {
  return dynamic_cast<const recipes::AgreedError*>(&error) != nullptr || error.code() == ExitCode::kUsage || error.code() == ExitCode::kDiverged;
}

}  // namespace

int run_in_world(const parallel::WorldOptions& options, const std::function<int(parallel::World&)>& body) {
  const std::unique_ptr<parallel::World> world = parallel::World::start(options);
  recipes::install_stop_signals(world->size() == 1 && world->backend() == "loopback");
  set_log_rank(world->rank(), world->size());
  try {
    const int code = body(*world);
    world->shutdown();
    return code;
  } catch (const Error& error) {
    if (shared_by_all(error)) {
      if (world->rank() == 0) log_error("{}", error.what());
      world->shutdown();
      return static_cast<int>(error.code());
    }
    log_error("{}", error.what());
    world->abort(error);
  } catch (const std::exception& error) {
    log_error("{}", error.what());
    world->abort(Error(ExitCode::kData, error.what()));
  }
}

}  // namespace sluice
