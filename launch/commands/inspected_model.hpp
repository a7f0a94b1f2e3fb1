// Everything that can be read of a model that a user names, whether or not Sluice can load it. `sluice inspect` shows and compares it.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "core/checkpoint/manifest.hpp"
#include "core/checkpoint/model_location.hpp"
#include "core/checkpoint/tensor_index.hpp"
#include "launch/commands/tensor_difference.hpp"
#include "recipes/convert/model_config.hpp"
#include "recipes/run/receipts.hpp"

namespace sluice {

struct InspectedModel {
  std::string name;  // as the user wrote it
  checkpoint::ModelLocation location;
  std::optional<checkpoint::Manifest> manifest;  // of our checkpoints, all of whose bytes have then been verified
  nlohmann::ordered_json config_json;            // config.json as it is
  std::optional<recipes::ParsedConfig> config;   // absent if Sluice computes no such model
  std::string problem;                           // why Sluice cannot load it, "" if it can
  std::vector<std::string> notes;                // tensors and settings that loading ignores, and why
  checkpoint::TensorIndex stored;                // the model's tensors under the names in its files
  TensorViews tensors;                           // the same tensors under their canonical names; those without one keep their own
  // Of our checkpoints:
  std::optional<checkpoint::TensorIndex> optimizer, routing;
  nlohmann::ordered_json run_state;        // state/run.json; null if there is none
  std::vector<recipes::Receipt> receipts;  // of the conversions that led to it, in their order
};

/// Data error (exit 3) if there is no such model, if it is damaged (checksums), or if its tensors cannot be read.
InspectedModel open_inspected_model(const std::string& name);

}  // namespace sluice
