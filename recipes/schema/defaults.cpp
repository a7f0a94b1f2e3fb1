#include "recipes/schema/reading.hpp"

#include "recipes/schema/keys.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace sluice::recipes {
namespace {

const Node* within(const Node* map, const std::string& key) { return map ? map->find(key) : nullptr; }

bool says(const Node* section, const std::string& key) { return within(section, key) != nullptr; }

// Whether section.key is given for the stage `name`: in the stage itself, or where it inherits from, which is the top level and, for `moe`,
// model.moe and the stages before it. The document must have stages.
bool stage_says(const Node& root, const std::string& name, const std::string& section, const std::string& key) {
  const bool moe = section == "moe";
  if (says(moe ? within(root.find("model"), "moe") : root.find(section), key)) return true;
  for (const Node& stage : root.find("stages")->items) {
    const Node* found = stage.find("name");
    const bool here = found && found->text == name;
    if ((here || moe) && says(section.empty() ? &stage : stage.find(section), key)) return true;
    if (here) break;
  }
  return false;
}

std::string default_of(const std::string& section, const std::string& key) {
  for (const SectionInfo& info : sections()) {
    if (info.path != section) continue;
    const auto found = std::find_if(info.keys.begin(), info.keys.end(), [&](const KeyInfo& k) { return k.name == key; });
    if (found != info.keys.end()) return found->default_value;
  }
  return "";
}

}  // namespace

void follow_defaults(const std::vector<const Node*>& said, TrainConfig& train) {
  const bool given = std::any_of(said.begin(), said.end(), [](const Node* section) { return says(section, "min_learning_rate"); });
  if (!given) train.min_learning_rate = std::min(TrainConfig{}.min_learning_rate, train.learning_rate);
}

std::string default_notes(const Node& root, const std::vector<std::string>& keys) {
  std::string notes;
  for (const std::string& path : keys) {
    std::vector<std::string> parts(1);
    for (const char c : path)
      if (c == '.') parts.emplace_back();
      else parts.back() += c;
    const std::string key = parts.back();
    const bool of_stage = parts.front() == "stages";
    const std::string section = parts.size() > (of_stage ? 3u : 1u) ? parts[parts.size() - 2] : "";
    // These values come from the checkpoint of init_from; they are no defaults.
    if ((section == "model" || section == "moe") && root.find("init_from")) continue;
    const Node* map = &root;
    for (std::size_t i = 0; !of_stage && i + 1 < parts.size(); ++i) map = within(map, parts[i]);
    if (of_stage ? stage_says(root, parts[1], section, key) : says(map, key)) continue;
    notes += fmt::format("; '{}' is not given, its default is {}", key, default_of(of_stage && section.empty() ? "stages" : section, key));
  }
  return notes;
}

}  // namespace sluice::recipes
