// A command that may run under mpirun: starts the world, runs the body, and ends all ranks with one exit code.
#pragma once

#include "parallel/comm/world.hpp"

#include <functional>

namespace sluice {

/// Returns the exit code of `body`, or that of the error it throws. An error that all ranks have in common is printed by rank 0 and ends
/// in a regular shutdown. An error of one rank alone is printed by that rank and ends the whole job with its exit code. A disagreement of
/// ranks is printed once.
int run_in_world(const parallel::WorldOptions& options, const std::function<int(parallel::World&)>& body);

}  // namespace sluice
