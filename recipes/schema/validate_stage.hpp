// The checks of one stage, and of one sparse shape; used by validate.cpp.
#pragma once

#include "recipes/schema/validate.hpp"

#include <cstddef>
#include <optional>
#include <string>

namespace sluice::recipes {

/// The first problem of a sparse shape that cannot be built or cannot learn, or nothing. `key` is the path of its section; `prefix` begins
/// the message.
std::optional<Problem> check_moe_shape(const moe::MoeConfig& moe, const std::string& key, const std::string& prefix);

/// A problem if new router rows would be all zero, so that all scores are equal, and not all experts are chosen; or nothing.
std::optional<Problem> check_router_init(const moe::MoeConfig& moe, const std::string& key, const std::string& prefix);

/// The first problem if a stage's type, method and shape do not fit each other or the shape before it, or nothing.
std::optional<Problem> check_stage(const Recipe& recipe, std::size_t stage);

}  // namespace sluice::recipes
