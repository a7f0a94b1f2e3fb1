// The splitter that a tokenizer.json's pre_tokenizer describes.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "data/splitter.hpp"

namespace sluice::data {

/// Data error, naming `origin`, if it is none that Sluice has.
Splitter splitter_of_pre_tokenizer(const nlohmann::json& pre_tokenizer, const std::string& origin);

}  // namespace sluice::data
