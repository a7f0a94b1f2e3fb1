#include "recipes/schema/read_recipe.hpp"

#include "recipes/schema/keys.hpp"
#include "recipes/schema/write_keys.hpp"

#include <fmt/format.h>

namespace sluice::recipes {
namespace {

void add(std::string& out, int indent, const std::vector<KeyValue>& values) {
  for (const KeyValue& value : values) out += fmt::format("{:{}}{}: {}\n", "", indent, value.key, value.value);
}

void add_section(std::string& out, int indent, const char* name, const std::vector<KeyValue>& values) {
  if (values.empty()) return;
  out += fmt::format("{:{}}{}:\n", "", indent, name);
  add(out, indent + 2, values);
}

// The values of a stage's section that differ from the top level's.
template <class T>
std::vector<KeyValue> own_values(const Keys<T>& keys, const T& top, const T& stage) {
  const std::vector<KeyValue> before = write_keys(keys, top);
  std::vector<KeyValue> own;
  for (const KeyValue& value : write_keys(keys, stage))
    if (value_of(before, value.key) != value.value) own.push_back(value);
  return own;
}

}  // namespace

std::string dump(const Recipe& recipe) {
  std::string out = "# The whole recipe of a run: defaults filled in, shapes resolved.\n";
  add(out, 0, write_keys(recipe_keys(), recipe));
  add_section(out, 0, "data", write_keys(data_keys(), recipe.data));
  add_section(out, 0, "model", write_keys(model_keys(), recipe.model));
  if (recipe.initial_moe) add_section(out, 2, "moe", write_keys(moe_keys(), *recipe.initial_moe));
  add_section(out, 0, "train", write_keys(train_keys(), recipe.train));
  add_section(out, 0, "parallel", write_keys(parallel_keys(), recipe.parallel));
  out += recipe.stages.empty() ? "stages: []\n" : "stages:\n";
  for (const Stage& stage : recipe.stages) {
    std::string text;
    add(text, 4, write_keys(stage_keys(), stage));
    if (stage.moe) add_section(text, 4, "moe", write_keys(moe_keys(), *stage.moe));
    add_section(text, 4, "data", own_values(data_keys(), recipe.data, stage.data));
    std::vector<KeyValue> train = own_values(train_keys(), recipe.train, stage.train);
    // Naming lr_scheduler is what gives a stage its own horizon, also where it equals the top level's.
    if (stage.own_lr_schedule && value_of(train, "lr_scheduler").empty())
      train.push_back({"lr_scheduler", value_of(write_keys(train_keys(), stage.train), "lr_scheduler")});
    add_section(text, 4, "train", train);
    add_section(text, 4, "parallel", own_values(parallel_keys(), recipe.parallel, stage.parallel));
    out += "  - " + text.substr(4);
  }
  add_section(out, 0, "checkpoint", write_keys(checkpoint_keys(), recipe.checkpoint));
  return out;
}

}  // namespace sluice::recipes
