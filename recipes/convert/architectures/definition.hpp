// What makes an architecture: when it fits, its config.json both ways, its tensors. Private to recipes/convert.
// To add one: a file beside this with a class and a function that returns its only object, and a line in list.inc.
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

  /// Nothing if it gives the same logits from the same weights as `model`, else why not; "" where the model is of another kind altogether.
  virtual std::optional<std::string> misfit(const ModelDescription& model) const = 0;

  /// Adds its keys of config.json to those that all share (shared_keys in common.hpp). Floats must be written as floats and ints as ints:
  /// the classes of Transformers 5 check JSON types.
  virtual void write(const ModelDescription& model, OrderedJson& keys) const = 0;
  /// Decoder and experts of a config.json in the spelling of Transformers 4 or 5. What we do not compute is refused by key and value.
  virtual void read(const ConfigKeys& keys, ModelDescription& model) const = 0;

  /// By default ours under their canonical names.
  virtual std::vector<StoredTensor> tensors(const ModelDescription& model) const;
  /// Why a tensor of its checkpoints is left aside; "" if it must be accounted for.
  virtual std::string left_aside(const ModelDescription& model, std::string_view name) const;
};

}  // namespace sluice::recipes
