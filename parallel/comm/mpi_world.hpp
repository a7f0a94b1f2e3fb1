#pragma once

#include "parallel/comm/launcher.hpp"
#include "parallel/comm/world.hpp"

namespace sluice::parallel {

std::unique_ptr<World> start_mpi_world(const WorldOptions& options, const LauncherEnvironment& launcher);

}  // namespace sluice::parallel
