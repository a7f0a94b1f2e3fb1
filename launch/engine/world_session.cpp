#include "launch/engine/world_session.hpp"

#include "core/base/log.hpp"
#include "core/tensor/error_line.hpp"
#include "parallel/comm/launcher.hpp"
#include "recipes/stages/rank0.hpp"

namespace sluice {
namespace {

parallel::ErrorScope scope_of(const std::exception& exception, const Error& error) {
  if (dynamic_cast<const recipes::AgreedError*>(&exception) != nullptr) return parallel::ErrorScope::kAgreed;
  if (dynamic_cast<const parallel::PeerError*>(&exception) != nullptr) return parallel::ErrorScope::kOfAnother;
  // These errors follow from values that are the same on all ranks: a recipe's mistakes, the divergence of the (global) loss.
  const bool of_all = error.code() == ExitCode::kUsage || error.code() == ExitCode::kDiverged;
  return of_all ? parallel::ErrorScope::kPresumed : parallel::ErrorScope::kAlone;
}

}  // namespace

int run_in_world(const parallel::WorldOptions& options, const std::function<int(parallel::World&)>& body) {
  std::unique_ptr<parallel::World> world;
  try {
    world = parallel::World::start(options);
  } catch (const Error& error) {
    // A usage error, such as a backend that does not fit the launcher, is the same on every rank, so rank 0 alone prints it.
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
    return world->end_with(error, scope_of(exception, error));
  }
}

}  // namespace sluice
