// Checks that ranks which hold the same values hold the same bits. A difference (from faulty memory, or another program or library on one
// host) would spread through every later step and into checkpoints.
#pragma once

#include "core/base/error.hpp"
#include "parallel/comm/world.hpp"
#include "recipes/stages/train_model.hpp"

#include <cstdint>
#include <string>

namespace sluice::recipes {

/// An error with the exit code of divergence, 5, whose cause is not the recipe.
class ReplicasDiffer : public Error {
 public:
  explicit ReplicasDiffer(const std::string& what) : Error(ExitCode::kDiverged, what) {}
};

/// Collective. Compares digests (XXH3-128) of weights and routing state between the ranks that hold the same: dense weights between all
/// ranks, experts between the ranks with a copy of them. If they differ, every rank throws a ReplicasDiffer that names the first tensor
/// that differs (dense ones come first) and the ranks. Costs one pass over this rank's weights and one small message.
void require_equal_replicas(parallel::World& world, TrainModel& model, const Layout& layout, std::int64_t step);

}  // namespace sluice::recipes
