// The interface of an architecture: which models it fits, how its config.json is written and read, and how its tensors are stored.
// Private to recipes/convert. To add one, write a file beside this one with a class and a function that returns its only object, and add a
// line to list.inc.
#pragma once

#include "recipes/convert/architecture.hpp"
#include "recipes/convert/config_keys.hpp"

#include <nlohmann/json.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::recipes {

using OrderedJson = nlohmann::ordered_json;

class Architecture {
 public:
  Architecture(std::string_view type, std::string_view name) : model_type(type), class_name(name) {}
  virtual ~Architecture() = default;
  Architecture(const Architecture&) = delete;
  Architecture& operator=(const Architecture&) = delete;

  const std::string_view model_type, class_name;

  /// Nothing if the architecture gives the same logits from the same weights as `model`; else the reason why not, "" if the model is of
  /// another kind altogether.
  virtual std::optional<std::string> misfit(const ModelDescription& model) const = 0;

  /// Adds the architecture's own keys of config.json to those that all share (shared_keys in common.hpp). Floats must be written as floats
  /// and integers as integers: the classes of Transformers 5 check JSON types.
  virtual void write(const ModelDescription& model, OrderedJson& keys) const = 0;
  /// Reads decoder and experts from a config.json in the spelling of Transformers 4 or 5. Data error, with key and value, for what Sluice
  /// does not compute.
  virtual void read(const ConfigKeys& keys, ModelDescription& model) const = 0;

  /// The tensors of its checkpoints. By default one for each of ours, under its canonical name.
  virtual std::vector<StoredTensor> tensors(const ModelDescription& model) const;
  /// Why a tensor of its checkpoints is ignored; "" if it is not: then it must be one of the model's tensors.
  virtual std::string left_aside(const ModelDescription& model, std::string_view name) const;
};

}  // namespace sluice::recipes
