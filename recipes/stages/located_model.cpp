#include "recipes/stages/located_model.hpp"

#include "core/base/log.hpp"
#include "recipes/stages/rank0.hpp"

#include <optional>

namespace sluice::recipes {

void open_on_all_ranks(parallel::World& world, const std::string& name, const std::function<void(const checkpoint::ModelLocation&)>& open) {
  for (int tries = 1;; ++tries) {
    checkpoint::ModelLocation found;  // rank 0's
    const std::string path = on_rank0(world, "finding the model", [&](const Heartbeat& heartbeat) {
      heartbeat("verifying " + name);
      found = checkpoint::locate_model(name);
      return found.path.string();
    });
    std::optional<AgreedError> problem;
    try {
      on_all_ranks(world, "opening the model",
                   [&] { open(world.rank() == 0 ? found : checkpoint::locate_model(path, checkpoint::VerifyDepth::kStructure)); });
    } catch (const AgreedError& error) {
      problem = error;
    }
    const std::string verdict = on_rank0(world, "finding the model", [&](const Heartbeat&) -> std::string {
      if (!checkpoint::went_away(found)) return "stands";
      if (!found.is_latest || tries == checkpoint::kMostTries) throw checkpoint::went_away_error(name);
      return "again";
    });
    if (verdict == "again") continue;
    if (problem) throw *problem;
    for (const std::string& warning : found.warnings) log_warning("{}", warning);
    return;
  }
}

}  // namespace sluice::recipes
