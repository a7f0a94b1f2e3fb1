// The World (world.hpp) of a job that communicates by MPI.
#pragma once

#include "parallel/comm/launcher.hpp"
#include "parallel/comm/world.hpp"

namespace sluice::parallel {

/// Starts MPI. Usage error (exit 2) if it counts another number of ranks than the launcher. If MPI does not start within
/// options.start_seconds, the process ends with exit code 4.
std::unique_ptr<World> start_mpi_world(const WorldOptions& options, const LauncherEnvironment& launcher);

/// The MPI library that this program runs with: "Open MPI v4.1.4". May be called before MPI is started.
std::string mpi_library();

}  // namespace sluice::parallel
