// Checks whether the values of a recipe, each allowed by itself, fit together. Pure functions of the recipe (and the number of ranks).
#pragma once

#include "recipes/schema/recipe.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace sluice::recipes {

/// Something that is wrong. `key` says where: "model.head_dim", "stages.wide.moe.num_experts".
struct Problem {
  std::string key;
  std::string text;                    // starts with "stage 'wide': " if it is about a stage
  std::vector<std::string> keys = {};  // the keys whose values do not fit together; read_recipe() says which of them are defaults
};

/// The first problem of a resolved recipe, or nothing. read_recipe() throws it with file, line and column.
std::optional<Problem> find_problem(const Recipe& recipe);

// Parts of find_problem() (validate_stage.cpp).

/// The first problem of a sparse shape that cannot be built or cannot learn, or nothing. `key` is the path of its section; `prefix` begins
/// the message.
std::optional<Problem> check_moe_shape(const moe::MoeConfig& moe, const std::string& key, const std::string& prefix);

/// A problem if new router rows would be all zero, so that all scores are equal, and not all experts are chosen; or nothing.
std::optional<Problem> check_router_init(const moe::MoeConfig& moe, const std::string& key, const std::string& prefix);

/// The first problem if a stage's type, method and shape do not fit each other or the shape before it, or nothing.
std::optional<Problem> check_stage(const Recipe& recipe, std::size_t stage);

// ---

/// The first problem of running a recipe on `ranks` ranks, or nothing: "expert(3) does not divide 8 ranks", "global_batch_size(32) is not a
/// multiple of 3 ranks".
std::optional<Problem> find_mesh_problem(const Recipe& recipe, int ranks);

/// Throws find_mesh_problem's text as a usage error.
void check_mesh(const Recipe& recipe, int ranks);

/// How many micro-batches, each of at most micro_batch_size sequences, a rank accumulates in one step. The recipe must fit `ranks`.
std::int64_t accumulation_steps(const TrainConfig& train, int ranks);

}  // namespace sluice::recipes
