// A model description as the "sluice" object of config.json, complete and exact. Private to recipes/convert.
#pragma once

#include "recipes/convert/config_keys.hpp"
#include "recipes/convert/model_description.hpp"

#include <nlohmann/json.hpp>

namespace sluice::recipes {

nlohmann::ordered_json description_to_json(const ModelDescription& model);

/// Data error naming the key on anything missing, of another type or unknown.
ModelDescription description_from_json(const ConfigKeys& keys);

/// The type that the text under `key` names as recipes do ("float32"); data error naming the key if it names none.
DType dtype_from(const ConfigKeys& keys, const char* key);

}  // namespace sluice::recipes
