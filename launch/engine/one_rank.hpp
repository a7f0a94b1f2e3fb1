// Commands that have nothing for a second rank to do.
#pragma once

#include <functional>
#include <string>

namespace sluice {

/// Usage error if there are several.
void require_one_rank(const std::string& command, int num_ranks);

/// For a command that needs no MPI: runs it, unless the launcher started several ranks. Then each of them would print and write the same;
/// all end with the code of a usage error, and one of them says why. Returns the exit code.
int run_on_one_rank(const std::string& command, const std::function<int()>& body);

}  // namespace sluice
