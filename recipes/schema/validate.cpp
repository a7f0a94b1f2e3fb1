#include "recipes/schema/validate.hpp"

#include "core/base/counted.hpp"
#include "core/base/error.hpp"
#include "core/base/integers.hpp"
#include "recipes/schema/conversion.hpp"
#include "recipes/schema/key.hpp"

#include <fmt/format.h>

namespace sluice::recipes {
namespace {

std::optional<Problem> check_model(const Recipe& recipe) {
  const DecoderConfig& model = recipe.model;
  if (model.num_attention_heads % model.num_key_value_heads != 0) {
    return Problem{"model.num_key_value_heads",
                   fmt::format("num_attention_heads({}) is not a multiple of num_key_value_heads({})", model.num_attention_heads,
                               model.num_key_value_heads),
                   {"model.num_attention_heads", "model.num_key_value_heads"}};
  }
  if (model.head_dim % 2 != 0)
    return Problem{"model.head_dim", fmt::format("head_dim({}) must be even: RoPE turns pairs", model.head_dim), {"model.head_dim"}};
  if (!recipe.initial_moe) return std::nullopt;
  auto problem = check_moe_shape(*recipe.initial_moe, "model.moe", "");
  if (!problem && recipe.init_from.empty() && recipe.initial_moe->family_size != 1) {
    problem = Problem{"model.moe.family_size", fmt::format("family_size({}) follows from growth: start with 1 and add a grow stage",
                                                           recipe.initial_moe->family_size)};
  }
  if (!problem && recipe.init_from.empty()) problem = check_router_init(*recipe.initial_moe, "model.moe", "");
  return problem;
}

std::optional<Problem> check_train(const TrainConfig& train, const std::string& key, const std::string& prefix) {
  if (train.min_learning_rate > train.learning_rate) {
    return Problem{key + "train.min_learning_rate",
                   fmt::format("{}min_learning_rate({}) is above learning_rate({})", prefix, write_number(train.min_learning_rate),
                               write_number(train.learning_rate)),
                   {key + "train.min_learning_rate", key + "train.learning_rate"}};
  }
  return std::nullopt;
}

// Where a stage's value was said: in the stage if it differs from the top level.
std::string stage_key(const Stage& stage, const std::string& key, bool own) {
  return own ? fmt::format("stages.{}.{}", stage.name, key) : key;
}
std::string stage_prefix(const Stage& stage, bool own) { return own ? fmt::format("stage '{}': ", stage.name) : ""; }

}  // namespace

std::optional<Problem> find_problem(const Recipe& recipe) {
  if (recipe.data.train.empty()) return Problem{"data.train", "'data.train' names no text"};
  if (auto problem = check_model(recipe)) return problem;
  if (auto problem = check_train(recipe.train, "", "")) return problem;
  if (recipe.stages.empty())
    return Problem{"stages", "'stages' is empty; a recipe needs at least one, for example {name: dense, type: pretrain, max_steps: 300}"};
  for (std::size_t i = 0; i < recipe.stages.size(); ++i) {
    const Stage& stage = recipe.stages[i];
    const std::string key = fmt::format("stages.{}.", stage.name);
    const std::string prefix = fmt::format("stage '{}': ", stage.name);
    for (std::size_t j = 0; j < i; ++j)
      if (recipe.stages[j].name == stage.name)
        return Problem{fmt::format("stages.{}.name", stage.name), fmt::format("two stages are called '{}'", stage.name)};
    if (auto problem = check_stage(recipe, i)) return problem;
    if (auto problem = check_train(stage.train, key, prefix)) return problem;
    if (stage.data.train.empty()) return Problem{key + "data.train", prefix + "'data.train' names no text"};
    if (stage.data.tokenizer != recipe.data.tokenizer)
      return Problem{key + "data.tokenizer", prefix + "the tokenizer cannot change between stages; set 'data.tokenizer' at the top level"};
    const bool own = stage.parallel.expert != recipe.parallel.expert || stage.parallel.exchange != recipe.parallel.exchange;
    if (!parallel::spans_ranks(stage.parallel.exchange) && stage.parallel.expert > 1) {
      return Problem{stage_key(stage, "parallel.exchange", own),
                     fmt::format("{}exchange {} keeps tokens inside a rank, so it needs expert(1), found expert({})",
                                 stage_prefix(stage, own), name_of(stage.parallel.exchange), stage.parallel.expert)};
    }
    const auto before = shape_before(recipe, i);
    const std::vector<std::string> both = {key + "moe.num_experts", key + "parallel.expert"};
    if (before && before->num_experts % stage.parallel.expert != 0) {
      return Problem{stage_key(stage, "parallel.expert", own),
                     fmt::format("{}num_experts({}) before the stage is not a multiple of expert({})", prefix, before->num_experts,
                                 stage.parallel.expert),
                     both};
    }
    if (stage.moe && stage.moe->num_experts % stage.parallel.expert != 0) {
      return Problem{
          stage_key(stage, "parallel.expert", own),
          fmt::format("{}num_experts({}) is not a multiple of expert({})", prefix, stage.moe->num_experts, stage.parallel.expert), both};
    }
  }
  return std::nullopt;
}

std::optional<Problem> find_mesh_problem(const Recipe& recipe, int ranks) {
  for (const Stage& stage : recipe.stages) {
    const ParallelConfig& parallel = stage.parallel;
    if (ranks % parallel.expert != 0) {
      const bool own = parallel.expert != recipe.parallel.expert;
      return Problem{stage_key(stage, "parallel.expert", own),
                     fmt::format("{}expert({}) does not divide {}", stage_prefix(stage, own), parallel.expert, counted(ranks, "rank"))};
    }
    if (stage.train.global_batch_size % ranks != 0) {
      const bool own = stage.train.global_batch_size != recipe.train.global_batch_size;
      return Problem{stage_key(stage, "train.global_batch_size", own),
                     fmt::format("{}global_batch_size({}) is not a multiple of {}", stage_prefix(stage, own), stage.train.global_batch_size,
                                 counted(ranks, "rank"))};
    }
    if (parallel.backend == parallel::CommBackend::kLoopback && ranks != 1) {
      const bool own = parallel.backend != recipe.parallel.backend;
      return Problem{stage_key(stage, "parallel.backend", own), fmt::format("{}backend loopback is for 1 rank, found {}; use auto or mpi",
                                                                            stage_prefix(stage, own), counted(ranks, "rank"))};
    }
  }
  return std::nullopt;
}

void check_mesh(const Recipe& recipe, int ranks) {
  if (const auto problem = find_mesh_problem(recipe, ranks)) throw usage_error("{}", problem->text);
}

std::int64_t accumulation_steps(const TrainConfig& train, int ranks) {
  return ceil_div(train.global_batch_size / ranks, train.micro_batch_size);
}

}  // namespace sluice::recipes
