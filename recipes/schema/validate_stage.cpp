// The checks of one stage, and of one sparse shape.
#include "recipes/schema/conversion.hpp"
#include "recipes/schema/keys.hpp"
#include "recipes/schema/nearest.hpp"
#include "recipes/schema/validate.hpp"

#include <fmt/format.h>

#include <vector>

namespace sluice::recipes {
namespace {

// What every check of a stage needs.
struct View {
  const Recipe& recipe;
  std::size_t index;
  const Stage& stage = recipe.stages[index];
  const moe::ConversionRule* rule = stage.conversion ? &moe::rule_of(*stage.conversion) : nullptr;  // null: no conversion

  std::string path(const std::string& key) const { return fmt::format("stages.{}.{}", stage.name, key); }
  std::optional<Problem> problem(const std::string& key, const std::string& text, const std::vector<std::string>& keys = {}) const {
    return Problem{path(key), fmt::format("stage '{}': {}", stage.name, text), keys};
  }
};

std::optional<Problem> check_from(const View& v) {
  const std::string& from = v.stage.from;
  if (from.empty()) return std::nullopt;
  std::vector<std::string> earlier;
  for (std::size_t i = 0; i < v.index; ++i) earlier.push_back(v.recipe.stages[i].name);
  if (contains(earlier, from)) return std::nullopt;
  if (from.find('/') != std::string::npos) {
    return v.problem("from",
                     fmt::format("from '{}' names a model of a stage; a run has one model in this build, so name the stage alone", from));
  }
  const std::string meant = nearest(from, earlier);
  return v.problem(
      "from", fmt::format("from '{}' must name an earlier stage{}", from, meant.empty() ? "" : fmt::format("; did you mean '{}'?", meant)));
}

std::optional<Problem> check_only_conversions(const View& v) {
  const Stage& s = v.stage;
  const bool makes_experts = v.rule != nullptr && v.rule->makes_experts();
  const auto nothing = [&](const char* key) {
    return v.problem(key, fmt::format("'{}' means nothing in a {} stage; leave it out", key, name_of(s.type)));
  };
  if (!makes_experts && s.weight_noise != 0) return nothing("weight_noise");
  if (!makes_experts && s.reinit_fraction != 0) return nothing("reinit_fraction");
  if (!v.rule && s.allow_jump) return nothing("allow_jump");
  if (!v.rule && s.optimizer_state != OptimizerState::kKeep) return nothing("optimizer_state");
  if (!v.rule && s.conversion_sequences != Stage{}.conversion_sequences) return nothing("conversion_sequences");
  if (s.top_k_anneal_steps == 0) return std::nullopt;
  if (!v.rule || !v.rule->doubles_top_k())
    return v.problem("top_k_anneal_steps", "'top_k_anneal_steps' is for grow by double_top_k; leave it out");
  if (s.top_k_anneal_steps > s.max_steps) {
    return v.problem("top_k_anneal_steps",
                     fmt::format("top_k_anneal_steps({}) is above max_steps({}): top_k must be back when the stage ends",
                                 s.top_k_anneal_steps, s.max_steps));
  }
  return std::nullopt;
}

// Only growth changes the shape of a sparse model; coefficients may change in every stage.
std::optional<Problem> check_unchanged(const View& v, const moe::MoeConfig& before, const std::vector<std::string>& may_change) {
  const moe::MoeConfig after = with_coefficients_of(before, *v.stage.moe);
  for (const Key<moe::MoeConfig>& key : moe_keys()) {
    if (contains(may_change, key.info.name)) continue;
    const std::string was = key.write(before);
    const std::string is = key.write(after);
    if (was != is)
      return v.problem("moe." + key.info.name,
                       fmt::format("{} cannot change {} ({} before, {} here)", name_of(v.stage.type), key.info.name, was, is));
  }
  return std::nullopt;
}

std::optional<Problem> check_exact(const View& v, const moe::Conversion& conversion) {
  if (v.stage.allow_jump) return std::nullopt;
  const moe::Exactness exactness = moe::exactness(conversion);
  if (exactness.exact) return std::nullopt;
  const std::string_view method = method_of(conversion.kind);
  const std::string by = method.empty() ? "" : fmt::format(" by {}", method);
  std::vector<std::string> keys;
  if (moe::num_shards(conversion) > 1) keys = {v.path("moe.top_k")};
  return v.problem(
      "type", fmt::format("{}{} is not exact: {}; set allow_jump: true to accept the jump", name_of(v.stage.type), by, exactness.reason),
      keys);
}

// What the conversion itself asks for.
std::optional<Problem> check_fit(const View& v, const moe::Conversion& conversion) {
  const std::optional<moe::Misfit> misfit = v.rule->misfit(conversion);
  if (!misfit) return std::nullopt;
  std::vector<std::string> keys;
  for (const std::string& key : misfit->keys) keys.push_back(key.starts_with("model.") ? key : v.path(key));
  return v.problem(misfit->key, misfit->text, keys);
}

}  // namespace

std::optional<Problem> check_moe_shape(const moe::MoeConfig& moe, const std::string& key, const std::string& prefix) {
  const auto problem = [&](const char* name, const std::string& text, const std::vector<std::string>& others = {}) {
    Problem found{fmt::format("{}.{}", key, name), prefix + text};
    for (const std::string& other : others) found.keys.push_back(fmt::format("{}.{}", key, other));
    return found;
  };
  if (moe.expert_hidden_size < 1)
    return problem("expert_hidden_size", "'expert_hidden_size' is missing: there is no dense layer to derive it from");
  if (moe.layers.empty()) return problem("layers", "'layers' names no layer");
  if (moe.num_experts % moe.family_size != 0)
    return problem("family_size", fmt::format("num_experts({}) is not a multiple of family_size({})", moe.num_experts, moe.family_size));
  if (moe.top_k > moe.num_families()) {
    return problem("top_k",
                   moe.family_size == 1 ? fmt::format("top_k({}) is above num_experts({})", moe.top_k, moe.num_experts)
                                        : fmt::format("top_k({}) is above the {} families of num_experts({}) / family_size({})", moe.top_k,
                                                      moe.num_families(), moe.num_experts, moe.family_size),
                   {"top_k", "num_experts"});
  }
  return std::nullopt;
}

std::optional<Problem> check_router_init(const moe::MoeConfig& moe, const std::string& key, const std::string& prefix) {
  if (moe.router_init_std > 0 || moe.top_k == moe.num_experts) return std::nullopt;
  return Problem{key + ".router_init_std",
                 prefix + "router_init_std(0) ties all scores, so that every token goes to the first experts; set it above 0"};
}

std::optional<Problem> check_stage(const Recipe& recipe, std::size_t index) {
  const View v{recipe, index};
  const Stage& s = v.stage;
  const std::string key = fmt::format("stages.{}.moe", s.name);
  const std::string prefix = fmt::format("stage '{}': ", s.name);
  if (auto problem = check_from(v)) return problem;
  if (auto problem = check_only_conversions(v)) return problem;
  const std::optional<moe::MoeConfig> before = shape_before(recipe, index);
  if (!v.rule) {
    if (!before || !s.moe) return std::nullopt;
    if (auto problem = check_unchanged(v, *before, {})) return problem;
    return check_moe_shape(*s.moe, key, prefix);
  }
  if (v.rule->starts_dense() && before)
    return v.problem("type",
                     fmt::format("{} needs a dense model before it, found {} experts; use grow", name_of(s.type), before->num_experts));
  if (!v.rule->starts_dense() && (!before || !s.moe))
    return v.problem("type", fmt::format("{} needs a sparse model before it; put a sparsify stage first", name_of(s.type)));
  if (!s.moe) return v.problem("moe", fmt::format("{} without a sparse shape", name_of(s.type)));
  // A width that nothing gives is the conversion's to explain.
  if (v.rule->starts_dense() && s.moe->expert_hidden_size > 0) {
    if (auto problem = check_moe_shape(*s.moe, key, prefix)) return problem;
  }
  const moe::Conversion conversion = conversion_of(recipe, index);
  if (auto problem = check_fit(v, conversion)) return problem;
  if (before) {
    if (auto problem = check_unchanged(v, *before, v.rule->changes())) return problem;
  }
  if (auto problem = check_exact(v, conversion)) return problem;
  if (auto problem = check_moe_shape(*s.moe, key, prefix)) return problem;
  return v.rule->makes_experts() ? check_router_init(*s.moe, key, prefix) : std::nullopt;
}

}  // namespace sluice::recipes
