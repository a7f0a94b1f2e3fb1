#include "launch/engine/one_rank.hpp"

#include "core/base/error.hpp"
#include "parallel/comm/launcher.hpp"

#include <algorithm>
#include <chrono>
#include <thread>

namespace sluice {

void require_one_rank(const std::string& command, int num_ranks) {
  if (num_ranks > 1) throw usage_error("{} runs on one rank, not {}: start it without mpirun", command, num_ranks);
}

int run_on_one_rank(const std::string& command, const std::function<int()>& body) {
  const parallel::LauncherEnvironment launcher = parallel::detect_launcher();
  // If the launcher tells the number of ranks, rank 0 prints the error. If it does not, rank 0 takes itself to be alone, and the other
  // ranks print it.
  if (launcher.rank > 0 && launcher.size > 1) {
    // mpirun ends all ranks once one has failed, so rank 0 gets the time to print first.
    std::this_thread::sleep_for(std::chrono::seconds(1));
    return static_cast<int>(ExitCode::kUsage);
  }
  require_one_rank(command, std::max(launcher.size, launcher.rank + 1));
  return body();
}

}  // namespace sluice
