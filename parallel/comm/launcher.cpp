#include "parallel/comm/launcher.hpp"

#include "core/base/error.hpp"
#include "core/base/parse_number.hpp"

#include <cstdlib>

namespace sluice::parallel {
namespace {

int number(const char* variable, const char* value) {
  const auto result = parse_number<int>(value);
  if (!result || *result < 0) throw usage_error("{}={}: a number was expected", variable, value);
  return *result;
}

}  // namespace

LauncherEnvironment detect_launcher(const std::function<const char*(const char*)>& get) {
  // Open MPI's own variables first: mpirun inside a Slurm allocation sees both. Slurm's step, not its allocation: in a
  // batch script SLURM_NTASKS is set although only one process runs. PMIx alone does not say how many there are.
  const struct {
    const char *name, *size, *rank;
  } known[] = {{"mpirun", "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_RANK"},
               {"PMI", "PMI_SIZE", "PMI_RANK"},
               {"srun", "SLURM_STEP_NUM_TASKS", "SLURM_PROCID"}};
  for (const auto& [name, size, rank] : known) {
    const char* size_text = get(size);
    if (size_text == nullptr) continue;
    const char* rank_text = get(rank);
    return {name, size, rank_text == nullptr ? 0 : number(rank, rank_text), number(size, size_text)};
  }
  if (const char* rank = get("PMIX_RANK")) return {"PMIx", "PMIX_RANK", number("PMIX_RANK", rank), 0};
  return {};
}

LauncherEnvironment detect_launcher() {
  return detect_launcher([](const char* name) -> const char* { return std::getenv(name); });
}

void check_launcher_size(const LauncherEnvironment& launcher, int mpi_size, const std::string& mpi_library) {
  if (!launcher.launched() || launcher.size == 0 || launcher.size == mpi_size) return;
  throw usage_error(
      "{} started {} ranks ({}) but MPI counts {}: this program was built with another MPI than the one that started it ({}); "
      "use the launcher of that MPI (with srun: --mpi=pmix)",
      launcher.name, launcher.size, launcher.variable, mpi_size, mpi_library);
}

}  // namespace sluice::parallel
