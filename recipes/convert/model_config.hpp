// Reads and writes the config.json of a model. It holds the keys of the model's Hugging Face architecture (Transformers 5.17, with the 4.x
// spellings beside them) and, under "sluice", the whole description, so that reading a checkpoint of ours gives exactly the same model,
// its families and balance settings included.
#pragma once

#include "recipes/convert/architecture.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace sluice::recipes {

/// The Transformers release whose config classes these files were checked against.
inline constexpr const char* kTransformersVersion = "5.17.0";

/// The text of config.json. For a model without an architecture model_type is "sluice", so that Transformers refuses the folder by that
/// name, and the object "sluice" says why no architecture fits.
std::string config_json(const ModelDescription& model);

struct ParsedConfig {
  ModelDescription model;
  const Architecture* architecture = nullptr;  // whose names the folder's tensors have; null: our own names
  bool ours = false;                           // written by Sluice: the description is complete, balance settings included
  std::vector<std::string> notes;              // settings of the file that are ignored and change no evaluation
};

/// Reads a config.json of ours or of one of the architectures, in the spelling of Transformers 4 or 5. What we do not compute is
/// refused by key and value (biases, rope scaling, partial rotary, sliding windows, expert groups, quantisation, …). If another tool
/// changed a file of ours so that a key contradicts "sluice", the error names that key. All errors are data errors that name `file`.
/// For a sparse model that Sluice did not write, aux_loss_coef is router_aux_loss_coef times top_k, since the load fractions f of the
/// balance loss sum to top_k there and to 1 here (Glm4Moe: 0); the other balance settings are off.
ParsedConfig parse_config(std::string_view text, const std::string& file);

/// The text of generation_config.json.
std::string generation_config_json(const ModelDescription& model);

/// The text of tokenizer_config.json. It names PreTrainedTokenizerFast: without it AutoTokenizer takes another splitter for some
/// architectures and silently gives other ids.
std::string tokenizer_config_json(const std::string& eos_token, std::int64_t max_length);

}  // namespace sluice::recipes
