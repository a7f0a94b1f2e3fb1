// config.json of a model: the keys of its Hugging Face architecture (Transformers 5.17, with the 4.x spellings beside them) and, under
// "sluice", the whole description, so that our own checkpoints come back exactly: families, balance settings and all.
#pragma once

#include "recipes/convert/architecture.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace sluice::recipes {

/// The Transformers release whose config classes these files were checked against.
inline constexpr const char* kTransformersVersion = "5.17.0";

/// Where there is no architecture, model_type is "sluice" (Transformers then refuses the folder by name) and "sluice" says why.
std::string config_json(const ModelDescription& model);

struct ParsedConfig {
  ModelDescription model;
  const Architecture* architecture = nullptr;  // how the folder's tensors are named
  bool ours = false;                         // written by Sluice: the description is complete, balance settings included
  std::vector<std::string> notes;            // what the file asks for that is left out and changes no evaluation
};

/// Reads a config.json of ours or of one of the architectures, in the spelling of Transformers 4 or 5. What we do not compute is
/// refused by key and value (biases, rope scaling, partial rotary, sliding windows, expert groups, quantisation, …). In a file of ours
/// that other tools changed since, a key that contradicts "sluice" is named. All errors are data errors that name `file`.
/// Of a foreign sparse model: aux_loss_coef is the file's (times top_k, since f there sums to k), the other balance settings are off.
ParsedConfig parse_config(std::string_view text, const std::string& file);

/// generation_config.json.
std::string generation_config_json(const ModelDescription& model);

/// tokenizer_config.json. It must name PreTrainedTokenizerFast: without it AutoTokenizer takes another splitter for some
/// architectures and silently gives other ids.
std::string tokenizer_config_json(const std::string& eos_token, std::int64_t max_length);

}  // namespace sluice::recipes
