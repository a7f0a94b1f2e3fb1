#include "recipes/schema/validate_stage.hpp"

#include "recipes/schema/conversion.hpp"
#include "recipes/schema/keys.hpp"
#include "recipes/schema/nearest.hpp"

#include <fmt/format.h>

#include <vector>

namespace sluice::recipes {
namespace {

std::string_view name_of(StageType type) {
  switch (type) {
    case StageType::kPretrain:
      return "pretrain";
    case StageType::kSparsify:
      return "sparsify";
    case StageType::kGrow:
      return "grow";
    case StageType::kFlatten:
      return "flatten";
  }
  return "";
}

std::string_view name_of(ConversionMethod method) {
  switch (method) {
    case ConversionMethod::kNone:
      return "none";
    case ConversionMethod::kCopy:
      return "copy";
    case ConversionMethod::kVirtualGroup:
      return "virtual_group";
    case ConversionMethod::kFamily:
      return "family";
    case ConversionMethod::kDoubleTopK:
      return "double_top_k";
  }
  return "";
}

// What every check of a stage needs.
struct View {
  const Recipe& recipe;
  std::size_t index;
  const Stage& stage = recipe.stages[index];

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
  const bool converts_experts = s.type == StageType::kSparsify || s.type == StageType::kGrow;
  const auto nothing = [&](const char* key) {
    return v.problem(key, fmt::format("'{}' means nothing in a {} stage; leave it out", key, name_of(s.type)));
  };
  if (!converts_experts && s.method != ConversionMethod::kNone) return nothing("method");
  if (!converts_experts && s.weight_noise != 0) return nothing("weight_noise");
  if (!converts_experts && s.reinit_fraction != 0) return nothing("reinit_fraction");
  if (s.type == StageType::kPretrain && s.allow_jump) return nothing("allow_jump");
  if (s.type == StageType::kPretrain && s.optimizer_state != OptimizerState::kKeep) return nothing("optimizer_state");
  if (s.type == StageType::kPretrain && s.conversion_sequences != Stage{}.conversion_sequences) return nothing("conversion_sequences");
  if (s.top_k_anneal_steps == 0) return std::nullopt;
  if (s.method != ConversionMethod::kDoubleTopK)
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

std::optional<Problem> check_exact(const View& v) {
  if (v.stage.allow_jump) return std::nullopt;
  const Exactness exactness = exact(conversion_of(v.recipe, v.index));
  if (exactness.exact) return std::nullopt;
  const std::string method = v.stage.method == ConversionMethod::kNone ? "" : fmt::format(" by {}", name_of(v.stage.method));
  std::vector<std::string> keys;
  if (v.stage.method == ConversionMethod::kVirtualGroup) keys = {v.path("moe.top_k")};
  return v.problem("type", fmt::format("{}{} is not exact: {}; set allow_jump: true to accept the jump", name_of(v.stage.type), method,
                                       exactness.reason), keys);
}

std::optional<Problem> check_sparsify(const View& v) {
  const Stage& s = v.stage;
  const moe::MoeConfig& moe = *s.moe;
  const std::int64_t dense = v.recipe.model.intermediate_size;
  if (s.method != ConversionMethod::kCopy && s.method != ConversionMethod::kVirtualGroup) {
    return v.problem("method", fmt::format("sparsify has the methods copy and virtual_group, found {}", name_of(s.method)));
  }
  const bool copy = s.method == ConversionMethod::kCopy;
  const std::vector<std::string> widths = {v.path("method"), "model.intermediate_size"};
  if (moe.expert_hidden_size == 0) {
    const std::string parts = copy ? fmt::format("1 + num_shared_experts({})", moe.num_shared_experts)
                                   : fmt::format("top_k({}) + num_shared_experts({})", moe.top_k, moe.num_shared_experts);
    return v.problem("moe.expert_hidden_size",
                     fmt::format("expert_hidden_size is not given and intermediate_size({}) is not a multiple of {}", dense, parts),
                     {copy ? v.path("moe.num_shared_experts") : v.path("moe.top_k"), "model.intermediate_size"});
  }
  const std::int64_t routed = routed_columns(v.recipe.model, moe);
  const std::string left = fmt::format("{} - {} x {} = {}", dense, moe.num_shared_experts, moe.expert_hidden_size, routed);
  if (copy && routed != moe.expert_hidden_size) {
    return v.problem(
        "moe.expert_hidden_size",
        fmt::format("copy needs expert_hidden_size == intermediate_size - num_shared_experts x expert_hidden_size, found {} and {}",
                    moe.expert_hidden_size, left),
        widths);
  }
  if (!copy && (routed < moe.expert_hidden_size || routed % moe.expert_hidden_size != 0)) {
    return v.problem("moe.expert_hidden_size", fmt::format("virtual_group needs G x expert_hidden_size == intermediate_size - "
                                                           "num_shared_experts x expert_hidden_size for a whole G, found {} and {}",
                                                           moe.expert_hidden_size, left),
                     widths);
  }
  if (!copy && moe.num_experts % (routed / moe.expert_hidden_size) != 0) {
    return v.problem("moe.num_experts", fmt::format("num_experts({}) is not a multiple of the {} shards (({}) / {})", moe.num_experts,
                                                    routed / moe.expert_hidden_size, left, moe.expert_hidden_size),
                     {v.path("moe.num_experts"), "model.intermediate_size"});
  }
  if (moe.family_size != 1)
    return v.problem("moe.family_size", fmt::format("family_size follows from growth: 1 here, found {}", moe.family_size));
  return check_exact(v);
}

std::optional<Problem> check_grow(const View& v, const moe::MoeConfig& before) {
  const Stage& s = v.stage;
  const moe::MoeConfig& moe = *s.moe;
  const std::string by = fmt::format("grow by {}", name_of(s.method));
  if (s.method == ConversionMethod::kVirtualGroup)
    return v.problem("method", "grow has the methods family, double_top_k and copy, found virtual_group");
  const bool family = s.method == ConversionMethod::kFamily;
  if (!family && before.family_size > 1) {
    return v.problem("method",
                     fmt::format("{} needs a plain router, found families of {}; put a flatten stage before it", by, before.family_size));
  }
  const std::int64_t twice = 2 * before.num_experts;
  if (s.method == ConversionMethod::kCopy ? moe.num_experts < twice || moe.num_experts % before.num_experts != 0
                                          : moe.num_experts != twice) {
    const std::string expected = s.method == ConversionMethod::kCopy ? fmt::format("a multiple of {} from {} on", before.num_experts, twice)
                                                                     : fmt::format("{} = 2 x {}", twice, before.num_experts);
    return v.problem("moe.num_experts", fmt::format("{} needs num_experts to be {}, found {}", by, expected, moe.num_experts),
                     {v.path("method")});
  }
  const std::int64_t top_k = before.top_k * (s.method == ConversionMethod::kDoubleTopK ? 2 : 1);
  if (moe.top_k != top_k) {
    return v.problem("moe.top_k", fmt::format("{} makes top_k {} from {}, found {}; leave it out", by, top_k, before.top_k, moe.top_k));
  }
  const std::int64_t family_size = before.family_size * (family ? 2 : 1);
  if (moe.family_size != family_size) {
    return v.problem("moe.family_size", fmt::format("{} makes families of {}, found {}; leave it out", by, family_size, moe.family_size));
  }
  if (auto problem = check_unchanged(v, before, {"num_experts", "top_k", "family_size"})) return problem;
  return check_exact(v);
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
  if (moe.num_experts % moe.family_size != 0) {
    return problem("family_size", fmt::format("num_experts({}) is not a multiple of family_size({})", moe.num_experts, moe.family_size));
  }
  if (moe.top_k > moe.num_families()) {
    return problem("top_k", moe.family_size == 1 ? fmt::format("top_k({}) is above num_experts({})", moe.top_k, moe.num_experts)
                                                 : fmt::format("top_k({}) is above the {} families of num_experts({}) / family_size({})",
                                                               moe.top_k, moe.num_families(), moe.num_experts, moe.family_size),
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
  if (s.type == StageType::kPretrain) {
    if (!before || !s.moe) return std::nullopt;
    if (auto problem = check_unchanged(v, *before, {})) return problem;
    return check_moe_shape(*s.moe, key, prefix);
  }
  if (s.type == StageType::kSparsify) {
    if (before)
      return v.problem("type", fmt::format("sparsify needs a dense model before it, found {} experts; use grow", before->num_experts));
    if (!s.moe) return v.problem("moe", "sparsify without a sparse shape");
    if (s.moe->expert_hidden_size > 0) {
      if (auto problem = check_moe_shape(*s.moe, key, prefix)) return problem;
    }
    if (auto problem = check_sparsify(v)) return problem;
    return check_router_init(*s.moe, key, prefix);
  }
  if (!before || !s.moe)
    return v.problem("type", fmt::format("{} needs a sparse model before it; put a sparsify stage first", name_of(s.type)));
  if (s.type == StageType::kGrow) {
    if (auto problem = check_grow(v, *before)) return problem;
    if (auto problem = check_moe_shape(*s.moe, key, prefix)) return problem;
    return check_router_init(*s.moe, key, prefix);
  }
  if (before->family_size == 1) return v.problem("type", "flatten needs a family router before it; grow by family makes one");
  if (s.moe->family_size != 1)
    return v.problem("moe.family_size", fmt::format("flatten makes family_size 1, found {}; leave it out", s.moe->family_size));
  if (auto problem = check_unchanged(v, *before, {"family_size"})) return problem;
  if (auto problem = check_exact(v)) return problem;
  return check_moe_shape(*s.moe, key, prefix);
}

}  // namespace sluice::recipes
