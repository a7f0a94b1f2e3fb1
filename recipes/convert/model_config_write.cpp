// Writing config.json, generation_config.json and tokenizer_config.json.
#include "recipes/convert/architectures/common.hpp"
#include "recipes/convert/description_json.hpp"
#include "recipes/convert/model_config.hpp"

namespace sluice::recipes {
namespace {

using json = nlohmann::ordered_json;

}  // namespace

std::string config_json(const ModelDescription& model) {
  check_description(model, "config.json");
  const ArchitectureChoice choice = architecture_of(model);
  json keys = {{"architectures", json::array()}, {"model_type", "sluice"}};
  if (choice.architecture) {
    keys = shared_keys(model, *choice.architecture);
    choice.architecture->write(model, keys);
    keys["transformers_version"] = kTransformersVersion;
  }
  json own = description_to_json(model);
  own["architecture"] = choice.architecture ? std::string(model_type_of(*choice.architecture)) : "none";
  if (!choice.architecture) own["reason"] = "no Hugging Face architecture computes this model: " + choice.reason;
  keys["sluice"] = std::move(own);
  return keys.dump(2) + "\n";
}

std::string generation_config_json(const ModelDescription& model) {
  const json keys = {{"_from_model_config", true},
                     {"bos_token_id", id_or_null(model.bos_token_id)},
                     {"eos_token_id", id_or_null(model.eos_token_id)},
                     {"pad_token_id", nullptr},
                     {"transformers_version", kTransformersVersion}};
  return keys.dump(2) + "\n";
}

std::string tokenizer_config_json(const std::string& eos_token, std::int64_t max_length) {
  const json keys = {{"tokenizer_class", "PreTrainedTokenizerFast"},
                     {"bos_token", nullptr},
                     {"eos_token", eos_token},
                     {"pad_token", nullptr},
                     {"unk_token", nullptr},
                     {"model_max_length", max_length},
                     {"clean_up_tokenization_spaces", false},
                     {"split_special_tokens", true},  // special tokens written in a text are text, as in training
                     {"add_bos_token", false}};
  return keys.dump(2) + "\n";
}

}  // namespace sluice::recipes
