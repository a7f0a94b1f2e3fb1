// Opens a model that a user names on all ranks together, even if the run that it belongs to goes on and removes checkpoints meanwhile.
#pragma once

#include "core/checkpoint/model_location.hpp"
#include "parallel/comm/world.hpp"

#include <functional>
#include <string>

namespace sluice::recipes {

/// Collective. Rank 0 finds the folder that `name` means and verifies it; then open() is called on every rank with that folder. If the run
/// removed the folder meanwhile, its latest checkpoint is opened instead, so open() may be called again and should leave long work for
/// later (files that it has mapped stay readable). Warnings about the folder are logged. Errors are those of checkpoint::open_located,
/// thrown on every rank as AgreedError.
void open_on_all_ranks(parallel::World& world, const std::string& name, const std::function<void(const checkpoint::ModelLocation&)>& open);

}  // namespace sluice::recipes
