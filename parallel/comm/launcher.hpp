// Who started this process, as far as the environment tells. Used before MPI is up and to check MPI against: N processes
// that each believe to be alone must not train N models.
#pragma once

#include <functional>
#include <string>

namespace sluice::parallel {

struct LauncherEnvironment {
  std::string name;      // "mpirun", "srun", "PMIx", "PMI"; empty: started alone
  std::string variable;  // the one that gave the size
  int rank = 0;
  int size = 1;  // 0: launched, but the environment does not say how many
  bool launched() const { return !name.empty(); }
};

/// `get` is std::getenv or a stand-in. Usage error if a variable is not a number.
LauncherEnvironment detect_launcher(const std::function<const char*(const char*)>& get);
/// Of this process.
LauncherEnvironment detect_launcher();

/// Usage error if the launcher says another size than MPI does.
void check_launcher_size(const LauncherEnvironment& launcher, int mpi_size, const std::string& mpi_library);

}  // namespace sluice::parallel
