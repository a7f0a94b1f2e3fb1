// A model that a user names, opened by all ranks together although the run that writes it may go on meanwhile.
#pragma once

#include "core/checkpoint/model_location.hpp"
#include "parallel/comm/world.hpp"

#include <functional>
#include <string>

namespace sluice::recipes {

/// Collective. Rank 0 finds what `name` means, verifies it, once for all, and tells what is odd about it; then every rank opens that very
/// folder. Where it went away meanwhile, the run's latest by now is opened instead: `open` may be called again, and should leave what takes
/// long for later (mapped files stay what they are). AgreedError as checkpoint::open_located tells it.
void open_on_all_ranks(parallel::World& world, const std::string& name, const std::function<void(const checkpoint::ModelLocation&)>& open);

}  // namespace sluice::recipes
