#include "launch/commands/inspect_difference.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "core/checkpoint/name_order.hpp"
#include "launch/commands/inspect_report.hpp"

namespace sluice {
namespace {

using nlohmann::ordered_json;

std::optional<TensorSetDifference> compare_states(const std::optional<checkpoint::TensorIndex>& a,
                                                  const std::optional<checkpoint::TensorIndex>& b) {
  if (!a || !b) return std::nullopt;
  return compare_tensors(a->tensors(), b->tensors());
}

void describe_names(const std::string& label, const std::vector<std::string>& names, std::vector<std::string>& lines) {
  if (names.empty()) return;
  lines.push_back(fmt::format("  {} ({}):", label, names.size()));
  for (const std::string& name : checkpoint::fold_names(names)) lines.push_back("    " + name);
}

void describe_set(const std::string& what, const TensorSetDifference& set, std::size_t shown, std::vector<std::string>& lines) {
  if (set.identical()) {
    lines.push_back(fmt::format("{}: identical ({} tensors)", what, set.tensors.size()));
    return;
  }
  const auto same = static_cast<std::size_t>(std::ranges::count_if(set.tensors, &TensorDifference::identical));
  const std::string largest = set.tensors.empty()
                                  ? "nothing to compare"
                                  : fmt::format("largest relative difference {:.3e} ({})", set.max_relative(), set.tensors.front().name);
  lines.push_back(fmt::format("{}: {}; {} tensors in both, {} of them identical", what, largest,
                              set.tensors.size() + set.names.misshaped.size(), same));
  describe_names("only in A", set.names.missing, lines);
  describe_names("only in B", set.names.extra, lines);
  if (!set.names.misshaped.empty()) lines.push_back(fmt::format("  of another shape or type ({}):", set.names.misshaped.size()));
  for (const auto& [a, b] : set.names.misshaped)
    lines.push_back(fmt::format("    {}: A {} {}, B {} {}", a.name, name_of(a.type), checkpoint::to_string(a.shape), name_of(b.type),
                                checkpoint::to_string(b.shape)));
  const std::size_t differing = set.tensors.size() - same;
  if (differing > 0) lines.push_back(fmt::format("  {:>12}  {:>12}", "max |a-b|/|a|", "max |a-b|"));
  for (std::size_t i = 0, done = 0; i < set.tensors.size() && done < shown; ++i) {
    const TensorDifference& tensor = set.tensors[i];
    if (tensor.identical) continue;
    lines.push_back(fmt::format("  {:>13.3e}  {:>12.3e}  {}", tensor.max_relative, tensor.max_absolute, tensor.name));
    ++done;
  }
  if (differing > shown) lines.push_back(fmt::format("  and {} more (--json lists all)", differing - shown));
}

void put_set(const TensorSetDifference& set, ordered_json& json) {
  json["missing"] = set.names.missing;
  json["extra"] = set.names.extra;
  json["misshaped"] = ordered_json::object();
  for (const auto& [a, b] : set.names.misshaped)
    json["misshaped"][a.name] = {{"a", {{"dtype", std::string(name_of(a.type))}, {"shape", a.shape}}},
                                 {"b", {{"dtype", std::string(name_of(b.type))}, {"shape", b.shape}}}};
  json["tensors"] = ordered_json::object();
  for (const TensorDifference& tensor : set.tensors)
    json["tensors"][tensor.name] = {
        {"max_relative_difference", tensor.max_relative}, {"max_abs_difference", tensor.max_absolute}, {"identical", tensor.identical}};
}

ordered_json set_json(const TensorSetDifference& set) {
  ordered_json json = {{"identical", set.identical()}, {"max_relative_difference", set.max_relative()}};
  put_set(set, json);
  return json;
}

}  // namespace

bool ModelDifference::identical() const {
  return model.identical() && (!optimizer || optimizer->identical()) && (!routing || routing->identical());
}

ModelDifference compare_models(const InspectedModel& a, const InspectedModel& b) {
  return {compare_tensors(a.tensors, b.tensors), compare_states(a.optimizer, b.optimizer), compare_states(a.routing, b.routing)};
}

std::vector<std::string> describe_difference(const InspectedModel& a, const InspectedModel& b, const ModelDifference& difference,
                                             std::size_t shown) {
  std::vector<std::string> lines{"A: " + place_of(a), "B: " + place_of(b)};
  describe_set("model", difference.model, shown, lines);
  if (difference.optimizer) describe_set("optimizer", *difference.optimizer, shown, lines);
  if (difference.routing) describe_set("routing", *difference.routing, shown, lines);
  return lines;
}

ordered_json difference_json(const InspectedModel& a, const InspectedModel& b, const ModelDifference& difference) {
  ordered_json json = {{"a", a.location.path.string()}, {"b", b.location.path.string()}};
  json["identical"] = difference.identical();
  json["max_relative_difference"] = difference.model.max_relative();
  put_set(difference.model, json);
  if (difference.optimizer) json["optimizer"] = set_json(*difference.optimizer);
  if (difference.routing) json["routing"] = set_json(*difference.routing);
  return json;
}

}  // namespace sluice
