// Writing config.json, generation_config.json and tokenizer_config.json.
#include "recipes/convert/description_json.hpp"
#include "recipes/convert/model_config.hpp"

namespace sluice::recipes {
namespace {

using json = nlohmann::ordered_json;

json id_or_null(std::int64_t id) {
  return id >= 0 ? json(id) : json(nullptr);
}

/// Keys all five classes share. Floats must be written as floats and ints as ints: the classes of 5.x check JSON types.
json shared_keys(const ModelDescription& model, Architecture architecture) {
  const DecoderConfig& config = model.decoder;
  json rope = {{"rope_type", "default"}, {"rope_theta", config.rope_theta}};
  // Glm4Moe's own default is 0.5.
  if (architecture == Architecture::kGlm4Moe) rope["partial_rotary_factor"] = 1.0;
  const std::string dtype(name_of(model.dtype));
  const bool mixtral = architecture == Architecture::kMixtral;
  json keys = {{"architectures", json::array({std::string(class_of(architecture))})},
               {"model_type", std::string(model_type_of(architecture))},
               {"vocab_size", config.vocab_size},
               {"hidden_size", config.hidden_size},
               {"intermediate_size", mixtral ? model.moe->expert_hidden_size : config.intermediate_size},
               {"num_hidden_layers", config.num_layers},
               {"num_attention_heads", config.num_attention_heads},
               {"num_key_value_heads", config.num_key_value_heads},
               {"head_dim", config.head_dim},
               {"hidden_act", "silu"},
               {"max_position_embeddings", config.max_position_embeddings},
               {"initializer_range", 0.02},
               {"rms_norm_eps", config.rms_norm_eps},
               {"use_cache", true},
               {"tie_word_embeddings", config.tie_word_embeddings},
               {"rope_theta", config.rope_theta},
               {"rope_scaling", nullptr},
               {"rope_parameters", std::move(rope)},
               {"attention_dropout", 0.0},
               {"bos_token_id", id_or_null(model.bos_token_id)},
               {"eos_token_id", id_or_null(model.eos_token_id)},
               {"pad_token_id", nullptr},
               {"torch_dtype", dtype},
               {"dtype", dtype}};
  if (architecture == Architecture::kGlm4Moe) keys["partial_rotary_factor"] = 1.0;
  if (!mixtral) keys["attention_bias"] = false;
  return keys;
}

void add_moe_keys(const ModelDescription& model, Architecture architecture, json& keys) {
  const moe::MoeConfig& moe = *model.moe;
  keys["num_experts_per_tok"] = moe.top_k;
  keys["output_router_logits"] = false;
  if (architecture == Architecture::kGlm4Moe) {
    keys["n_routed_experts"] = moe.num_experts;
    keys["n_shared_experts"] = moe.num_shared_experts;
    keys["moe_intermediate_size"] = moe.expert_hidden_size;
    keys["first_k_dense_replace"] = moe.layers.front();
    keys["norm_topk_prob"] = moe.norm_topk_prob;
    keys["routed_scaling_factor"] = moe.routed_scaling_factor;
    keys["n_group"] = 1;
    keys["topk_group"] = 1;
    keys["num_nextn_predict_layers"] = 0;
    return;
  }
  // f sums to top_k there and to 1 here.
  keys["router_aux_loss_coef"] = moe.aux_loss_coef / static_cast<double>(moe.top_k);
  if (architecture == Architecture::kMixtral) {
    keys["num_local_experts"] = moe.num_experts;
    keys["router_jitter_noise"] = 0.0;
    return;
  }
  keys["num_experts"] = moe.num_experts;
  keys["moe_intermediate_size"] = moe.expert_hidden_size;
  keys["norm_topk_prob"] = moe.norm_topk_prob;
  keys["decoder_sparse_step"] = 1;
  keys["mlp_only_layers"] = json::array();
  for (std::int64_t layer = 0; layer < model.decoder.num_layers; ++layer)
    if (!model.is_sparse(layer)) keys["mlp_only_layers"].push_back(layer);
}

void add_family_keys(const ModelDescription& model, Architecture architecture, json& keys) {
  switch (architecture) {
    case Architecture::kLlama:
      keys["mlp_bias"] = false;
      keys["pretraining_tp"] = 1;
      return;
    case Architecture::kQwen3: keys["max_window_layers"] = model.decoder.num_layers; [[fallthrough]];
    case Architecture::kQwen3Moe: keys["use_sliding_window"] = false; [[fallthrough]];
    case Architecture::kMixtral: keys["sliding_window"] = nullptr; return;
    case Architecture::kGlm4Moe: keys["use_qk_norm"] = model.decoder.qk_norm == QkNorm::kHead; return;
  }
}

}  // namespace

std::string config_json(const ModelDescription& model) {
  check_description(model, "config.json");
  const ArchitectureChoice choice = architecture_of(model);
  json keys = {{"architectures", json::array()}, {"model_type", "sluice"}};
  if (choice.architecture) {
    keys = shared_keys(model, *choice.architecture);
    add_family_keys(model, *choice.architecture, keys);
    if (model.moe) add_moe_keys(model, *choice.architecture, keys);
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
