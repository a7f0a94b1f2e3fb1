// For commands that run on one rank alone.
#pragma once

#include <functional>
#include <string>

namespace sluice {

/// Usage error, naming `command`, if `num_ranks` is more than 1.
void require_one_rank(const std::string& command, int num_ranks);

/// For a command that needs no MPI: runs `body` and returns its exit code. If the launcher started several ranks, each of them would print
/// and write the same, so `body` is not run: all ranks end with a usage error (exit 2), and one of them says why.
int run_on_one_rank(const std::string& command, const std::function<int()>& body);

}  // namespace sluice
