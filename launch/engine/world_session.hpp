// A command that may run under mpirun: starts the world, runs the body, and ends all ranks with one exit code.
#pragma once

#include "parallel/comm/world.hpp"

#include <functional>

namespace sluice {

/// Errors that all ranks share are printed by rank 0 and end in a regular shutdown; an error of one rank alone is printed there
/// and ends the whole job with its exit code, a disagreement of ranks is printed once.
int run_in_world(const parallel::WorldOptions& options, const std::function<int(parallel::World&)>& body);

}  // namespace sluice
