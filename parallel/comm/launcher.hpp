// Finds out from environment variables which launcher started this process, and in how many ranks. It is used before MPI runs, and to check
// MPI afterwards: N processes that each take themselves for the only one must not train N models.
#pragma once

#include <functional>
#include <string>

namespace sluice::parallel {

struct LauncherEnvironment {
  std::string name;      // "mpirun", "srun", "PMIx", "PMI"; empty if the process was started alone
  std::string variable;  // the environment variable by which the launcher was found; it holds the size, except for PMIx
  int rank = 0;
  int size = 1;  // 0 if a launcher was found but no number of ranks
  bool launched() const { return !name.empty(); }
};

/// `get` is std::getenv, or a substitute in tests. Usage error (exit 2) if a variable is not a number or is negative.
LauncherEnvironment detect_launcher(const std::function<const char*(const char*)>& get);
/// The same for the environment of this process.
LauncherEnvironment detect_launcher();

/// Usage error (exit 2) if the launcher and MPI count different numbers of ranks. `mpi_library` names the MPI library in the message.
void check_launcher_size(const LauncherEnvironment& launcher, int mpi_size, const std::string& mpi_library);

}  // namespace sluice::parallel
