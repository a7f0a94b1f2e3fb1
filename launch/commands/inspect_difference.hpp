// What `sluice inspect --diff` says of two models, for people and as JSON.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "launch/commands/inspected_model.hpp"
#include "launch/commands/tensor_difference.hpp"

namespace sluice {

struct ModelDifference {
  TensorSetDifference model;                     // under canonical names
  std::optional<TensorSetDifference> optimizer;  // if both have optimizer state
  std::optional<TensorSetDifference> routing;    // routing state (counts, biases, choices, origin), if both have it

  bool identical() const;  // whether everything that was compared is equal bit for bit
};

ModelDifference compare_models(const InspectedModel& a, const InspectedModel& b);

/// Lines for the terminal, the largest differences first; at most `shown` tensors of each kind.
std::vector<std::string> describe_difference(const InspectedModel& a, const InspectedModel& b, const ModelDifference& difference,
                                             std::size_t shown = 20);

/// {a, b, identical (of everything compared), max_relative_difference (of the model), missing, extra, misshaped, tensors: {name:
/// {max_relative_difference, max_abs_difference, identical}}, optimizer: {identical, max_relative_difference, missing, …, tensors},
/// routing: {…}}. `missing` names the tensors that only A has, `extra` those that only B has. A difference that is not finite is null.
nlohmann::ordered_json difference_json(const InspectedModel& a, const InspectedModel& b, const ModelDifference& difference);

}  // namespace sluice
