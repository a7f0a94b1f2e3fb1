// What `sluice inspect` says of one model, for people and as JSON.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "launch/commands/inspected_model.hpp"

namespace sluice {

/// Lines for the terminal. Tensors of one type and shape share a line, the numbers in their names folded into ranges.
std::vector<std::string> describe_model(const InspectedModel& model);

/// model, path, run, step, loadable, problem, architecture (a class of Transformers, or null with architecture_reason), parameters,
/// active_parameters, config, checksums, tensors {name: {dtype, shape, xxh3_128}}, state, receipts, notes, warnings.
/// A key is absent if the folder does not have what it tells of.
nlohmann::ordered_json model_json(const InspectedModel& model);

/// Where the model lies, on one line: its folder, and its step if it has one.
std::string place_of(const InspectedModel& model);

}  // namespace sluice
