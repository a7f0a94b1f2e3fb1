#include "parallel/comm/launcher.hpp"

#include "core/base/error.hpp"
#include "tests/support/catch.hpp"

#include <map>

using namespace sluice;
using namespace sluice::parallel;

namespace {

LauncherEnvironment detect(const std::map<std::string, std::string>& variables) {
  return detect_launcher([&](const char* name) -> const char* {
    const auto found = variables.find(name);
    return found == variables.end() ? nullptr : found->second.c_str();
  });
}

}  // namespace

TEST_CASE("a process started alone has no launcher") {
  const LauncherEnvironment alone = detect({});
  REQUIRE_FALSE(alone.launched());
  REQUIRE(alone.size == 1);
  // A batch script of Slurm is one process, whatever its allocation could hold.
  REQUIRE_FALSE(detect({{"SLURM_JOB_ID", "5"}, {"SLURM_NTASKS", "8"}, {"SLURM_PROCID", "0"}}).launched());
}

TEST_CASE("launchers are known by their variables") {
  const auto mpirun = detect({{"OMPI_COMM_WORLD_SIZE", "4"}, {"OMPI_COMM_WORLD_RANK", "3"}, {"SLURM_STEP_NUM_TASKS", "2"}, {"PMIX_RANK", "3"}});
  REQUIRE((mpirun.name == "mpirun" && mpirun.size == 4 && mpirun.rank == 3));
  const auto srun = detect({{"SLURM_STEP_NUM_TASKS", "2"}, {"SLURM_PROCID", "1"}});
  REQUIRE((srun.name == "srun" && srun.size == 2 && srun.rank == 1));
  const auto pmix = detect({{"PMIX_RANK", "1"}});
  REQUIRE((pmix.launched() && pmix.size == 0 && pmix.rank == 1));
  REQUIRE_THROWS_AS(detect({{"OMPI_COMM_WORLD_SIZE", "four"}}), Error);
}

TEST_CASE("a launcher and an MPI that count differently are refused") {
  const auto mpirun = detect({{"OMPI_COMM_WORLD_SIZE", "4"}, {"OMPI_COMM_WORLD_RANK", "0"}});
  check_launcher_size(mpirun, 4, "Open MPI v4.1.4");
  check_launcher_size(detect({}), 1, "Open MPI v4.1.4");
  check_launcher_size(detect({{"PMIX_RANK", "1"}}), 2, "Open MPI v5.0.7");
  std::string text;
  try {
    check_launcher_size(mpirun, 1, "Open MPI v4.1.4");
  } catch (const Error& error) {
    REQUIRE(error.code() == ExitCode::kUsage);
    text = error.what();
  }
  REQUIRE(text.find("mpirun started 4 ranks (OMPI_COMM_WORLD_SIZE) but MPI counts 1") == 0);
}
