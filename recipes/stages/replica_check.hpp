// Ranks that hold the same values must hold the same bits: what one of them computed otherwise (faulty memory, another program or library
// on its host) would spread through every later step, and into a checkpoint.
#pragma once

#include "core/base/error.hpp"
#include "parallel/comm/world.hpp"
#include "recipes/stages/train_model.hpp"

#include <cstdint>
#include <string>

namespace sluice::recipes {

/// Exit 5, as divergence; but nothing of the recipe is the cause.
class ReplicasDiffer : public Error {
 public:
  explicit ReplicasDiffer(const std::string& what) : Error(ExitCode::kDiverged, what) {}
};

/// Collective. Compares a digest (XXH3-128) of the weights and routing state over the ranks that hold the same: dense ones over all,
/// experts over the ranks with a copy. Unless they are equal, every rank throws a ReplicasDiffer that names the first tensor (dense ones
/// first) and the ranks that differ. Costs one pass over this rank's weights and one small message.
void require_equal_replicas(parallel::World& world, TrainModel& model, const Layout& layout, std::int64_t step);

}  // namespace sluice::recipes
