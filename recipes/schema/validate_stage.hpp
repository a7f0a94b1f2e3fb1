// The checks of one stage, and of one sparse shape; used by validate.cpp.
#pragma once

#include "recipes/schema/validate.hpp"

#include <cstddef>
#include <optional>
#include <string>

namespace sluice::recipes {

/// A sparse shape that cannot be built or cannot learn. `key` is the path of its section, `prefix` starts the message.
std::optional<Problem> check_moe_shape(const moe::MoeConfig& moe, const std::string& key, const std::string& prefix);

/// New router rows that are all zero tie every score.
std::optional<Problem> check_router_init(const moe::MoeConfig& moe, const std::string& key, const std::string& prefix);

/// What a stage's type, method and shape ask of each other and of the shape before.
std::optional<Problem> check_stage(const Recipe& recipe, std::size_t stage);

}  // namespace sluice::recipes
