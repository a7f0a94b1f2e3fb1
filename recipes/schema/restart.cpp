#include "recipes/schema/restart.hpp"

#include "recipes/schema/keys.hpp"
#include "recipes/schema/write_keys.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace sluice::recipes {
namespace {

std::string or_nothing(const std::string& value) { return value.empty() ? "nothing" : value; }

std::vector<Difference> compare(const std::string& prefix, const std::vector<KeyValue>& old_values, const std::vector<KeyValue>& new_values,
                                const std::vector<std::string>& may_change = {}) {
  std::vector<std::string> keys;
  for (const auto* values : {&old_values, &new_values}) {
    for (const KeyValue& value : *values)
      if (!contains(keys, value.key)) keys.push_back(value.key);
  }
  std::vector<Difference> found;
  for (const std::string& key : keys) {
    const std::string was = value_of(old_values, key);
    const std::string is = value_of(new_values, key);
    if (was != is && !contains(may_change, key)) found.push_back({prefix + key, or_nothing(was), or_nothing(is)});
  }
  return found;
}

template <class T>
std::vector<std::string> changeable(const Keys<T>& keys) {
  std::vector<std::string> names;
  for (const Key<T>& key : keys)
    if (key.info.may_change) names.push_back(key.info.name);
  return names;
}

void append(std::vector<Difference>& all, std::vector<Difference> more) {
  all.insert(all.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
}

std::vector<KeyValue> moe_values(const std::optional<moe::MoeConfig>& moe) {
  return moe ? write_keys(moe_keys(), *moe) : std::vector<KeyValue>{};
}

// Appends a stage's differences `own`. A change that the stage inherits from the top level (`top`) is named there, and only once.
void append_section(std::vector<Difference>& all, const std::string& stage, const std::vector<Difference>& top,
                    std::vector<Difference> own) {
  for (Difference& difference : own) {
    const auto same = std::find_if(top.begin(), top.end(), [&](const Difference& d) {
      return d.key == difference.key && d.old_value == difference.old_value && d.new_value == difference.new_value;
    });
    if (same == top.end()) difference.key = stage + difference.key;
    const bool known = std::any_of(all.begin(), all.end(), [&](const Difference& d) { return d.key == difference.key; });
    if (!known) all.push_back(std::move(difference));
  }
}

std::string stage_names(const Recipe& recipe, std::size_t count) {
  std::string names;
  for (std::size_t i = 0; i < std::min(count, recipe.stages.size()); ++i) names += (i ? ", " : "") + recipe.stages[i].name;
  return "[" + names + "]";
}

}  // namespace

std::vector<Difference> compare_for_restart(const Recipe& old_recipe, const Recipe& new_recipe, std::size_t reached) {
  std::vector<Difference> all =
      compare("", write_keys(recipe_keys(), old_recipe), write_keys(recipe_keys(), new_recipe), changeable(recipe_keys()));
  append(all, compare("model.", write_keys(model_keys(), old_recipe.model), write_keys(model_keys(), new_recipe.model)));
  append(all, compare("model.moe.", moe_values(old_recipe.initial_moe), moe_values(new_recipe.initial_moe)));
  const auto top_data = compare("data.", write_keys(data_keys(), old_recipe.data), write_keys(data_keys(), new_recipe.data));
  const auto top_train =
      compare("train.", write_keys(train_keys(), old_recipe.train), write_keys(train_keys(), new_recipe.train), changeable(train_keys()));
  const std::size_t count = std::min(reached + 1, old_recipe.stages.size());
  if (stage_names(old_recipe, count) != stage_names(new_recipe, count)) {
    all.push_back({"stages", stage_names(old_recipe, count), stage_names(new_recipe, count)});
    return all;
  }
  for (std::size_t i = 0; i < count; ++i) {
    const Stage& was = old_recipe.stages[i];
    const Stage& is = new_recipe.stages[i];
    const std::string stage = fmt::format("stages.{}.", was.name);
    append(all, compare(stage, write_keys(stage_keys(), was), write_keys(stage_keys(), is)));
    append_section(all, stage, top_data, compare("data.", write_keys(data_keys(), was.data), write_keys(data_keys(), is.data)));
    append_section(all, stage, top_train,
                   compare("train.", write_keys(train_keys(), was.train), write_keys(train_keys(), is.train), changeable(train_keys())));
    if (was.own_lr_schedule != is.own_lr_schedule) {
      const auto horizon = [](const Stage& s) { return s.own_lr_schedule ? "its own horizon" : "the shared horizon"; };
      all.push_back({stage + "train.lr_scheduler", horizon(was), horizon(is)});
    }
    append(all, compare(stage + "moe.", moe_values(was.moe), moe_values(is.moe)));
  }
  return all;
}

std::string describe_lost_place(const Recipe& recipe, const Place& place) {
  const auto count = static_cast<std::int64_t>(recipe.stages.size());
  const bool there = place.stage >= 0 && place.stage < count;
  const Stage* stage = there ? &recipe.stages[static_cast<std::size_t>(place.stage)] : nullptr;
  if (stage && stage->name == place.stage_name && place.stage_step <= stage->max_steps) return "";
  const std::string found = stage && stage->name == place.stage_name
                                ? fmt::format("gives it {} steps", stage->max_steps)
                                : fmt::format("has the stages {}", stage_names(recipe, recipe.stages.size()));
  return fmt::format(
      "the run is at step {} of its stage {}, '{}', and the recipe {}: restore the stages that were trained, or start a new run under "
      "another name",
      place.stage_step, place.stage + 1, place.stage_name, found);
}

std::string describe(const std::vector<Difference>& differences, bool finished) {
  std::string list;
  for (const Difference& d : differences)
    list += fmt::format("{}{} was {}, is {}", list.empty() ? "" : "; ", d.key, d.old_value, d.new_value);
  return fmt::format(
      "the recipe changed since the run was started: {}; only parallel, device, train.micro_batch_size, train.recompute, checkpoint{} may "
      "change: "
      "restore it, or start a new run under another name",
      list, finished ? " and intervals" : ", intervals and stages not yet reached");
}

}  // namespace sluice::recipes
