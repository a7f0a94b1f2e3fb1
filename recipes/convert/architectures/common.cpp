#include "recipes/convert/architectures/common.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

namespace sluice::recipes {
namespace {

void refuse_unsupported(const ConfigKeys& keys, const Architecture& architecture, bool sliding_window) {
  for (const char* key : {"attention_bias", "mlp_bias"})
    if (keys.boolean_or(key, false)) throw keys.unsupported(key, "linear layers with biases are not supported");
  if (keys.has("hidden_act") && keys.text("hidden_act") != "silu") throw keys.unsupported("hidden_act", "only silu (SwiGLU) is supported");
  if (keys.has("clip_qkv")) throw keys.unsupported("clip_qkv", "clipping queries, keys and values is not supported");
  if (keys.has("quantization_config")) throw keys.unsupported("quantization_config", "quantised weights are not read");
  const bool uses_window = sliding_window || keys.boolean_or("use_sliding_window", false);
  if (uses_window && keys.has("sliding_window")) throw keys.unsupported("sliding_window", "sliding-window attention is not supported");
  if (keys.has("layer_types")) {
    if (!keys.at("layer_types").is_array()) throw keys.wrong("layer_types", "a list of strings");
    for (const nlohmann::json& type : keys.at("layer_types"))
      if (type != "full_attention") throw keys.unsupported("layer_types", "only full_attention is supported");
  }
  for (const char* key : {"n_group", "topk_group"})
    if (keys.integer_or(key, 1) != 1) throw keys.unsupported(key, "routing in groups of experts is not supported");
  if (keys.has("architectures")) {
    const nlohmann::json& names = keys.at("architectures");
    if (!names.is_array()) throw keys.wrong("architectures", "a list of strings");
    if (!names.empty() && std::find(names.begin(), names.end(), std::string(architecture.class_name)) == names.end())
      throw keys.unsupported("architectures", fmt::format("only {} is supported", architecture.class_name));
  }
}

/// rope_theta, from rope_parameters (5.x) or the top level (4.x). Data error for anything but plain rotary embeddings over the whole head.
double read_rope(const ConfigKeys& keys, const Architecture& architecture, const ConfigDefaults& absent) {
  double theta = keys.number_or("rope_theta", absent.rope_theta);
  double partial = keys.number_or("partial_rotary_factor", absent.partial_rotary_factor);
  for (const char* key : {"rope_parameters", "rope_scaling"}) {  // Transformers lets rope_scaling replace rope_parameters
    if (!keys.has(key)) continue;
    const ConfigKeys rope = keys.child(key);
    for (const char* kind : {"rope_type", "type"})
      if (rope.has(kind) && rope.text(kind) != "default") throw keys.unsupported(key, "rope scaling is not supported");
    for (const auto& [name, value] : keys.at(key).items())
      if (value.is_object()) throw keys.unsupported(key, "rope parameters that differ between layers are not supported");
    if (rope.has("factor")) throw keys.unsupported(key, "rope scaling is not supported");
    theta = rope.number_or("rope_theta", theta);
    partial = rope.number_or("partial_rotary_factor", partial);
  }
  if (partial == 1.0) return theta;
  const std::string otherwise = absent.partial_rotary_factor == 1.0 ? std::string()
                                                                    : fmt::format(" ({} takes {} where it is absent)",
                                                                                  architecture.model_type, absent.partial_rotary_factor);
  throw data_error("{}: partial_rotary_factor is {}{}: only rotary embeddings over the whole head are supported", keys.file(), partial,
                   otherwise);
}

std::int64_t heads_size(const ConfigKeys& keys, const DecoderConfig& config, std::int64_t absent) {
  if (keys.has("head_dim")) return keys.integer("head_dim");
  if (absent > 0) return absent;
  if (config.num_attention_heads < 1 || config.hidden_size % config.num_attention_heads != 0)
    throw data_error("{}: without 'head_dim', num_attention_heads({}) must divide hidden_size({})", keys.file(), config.num_attention_heads,
                     config.hidden_size);
  return config.hidden_size / config.num_attention_heads;
}

}  // namespace

OrderedJson id_or_null(std::int64_t id) { return id >= 0 ? OrderedJson(id) : OrderedJson(nullptr); }

OrderedJson shared_keys(const ModelDescription& model, const Architecture& architecture) {
  const DecoderConfig& config = model.decoder;
  const std::string dtype(name_of(model.dtype));
  return {{"architectures", OrderedJson::array({std::string(architecture.class_name)})},
          {"model_type", std::string(architecture.model_type)},
          {"vocab_size", config.vocab_size},
          {"hidden_size", config.hidden_size},
          {"intermediate_size", config.intermediate_size},
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
          {"rope_parameters", {{"rope_type", "default"}, {"rope_theta", config.rope_theta}}},
          {"attention_dropout", 0.0},
          {"bos_token_id", id_or_null(model.bos_token_id)},
          {"eos_token_id", id_or_null(model.eos_token_id)},
          {"pad_token_id", nullptr},
          {"torch_dtype", dtype},
          {"dtype", dtype}};
}

DecoderConfig read_decoder(const ConfigKeys& keys, const Architecture& architecture, const ConfigDefaults& absent) {
  refuse_unsupported(keys, architecture, absent.sliding_window);
  DecoderConfig config;
  config.vocab_size = keys.integer("vocab_size");
  config.hidden_size = keys.integer("hidden_size");
  config.num_layers = keys.integer("num_hidden_layers");
  config.num_attention_heads = keys.integer("num_attention_heads");
  const bool as_heads = keys.is_null("num_key_value_heads") || absent.num_key_value_heads == 0;
  config.num_key_value_heads = keys.integer_or("num_key_value_heads", as_heads ? config.num_attention_heads : absent.num_key_value_heads);
  config.head_dim = heads_size(keys, config, absent.head_dim);
  config.intermediate_size = keys.integer("intermediate_size");
  config.max_position_embeddings = keys.integer_or("max_position_embeddings", absent.max_position_embeddings);
  config.rope_theta = read_rope(keys, architecture, absent);
  config.rms_norm_eps = keys.number_or("rms_norm_eps", absent.rms_norm_eps);
  config.tie_word_embeddings = keys.boolean_or("tie_word_embeddings", false);
  config.qk_norm = QkNorm::kNone;
  return config;
}

moe::MoeConfig read_experts(const ConfigKeys& keys, std::vector<std::int64_t> layers) {
  const char* experts = keys.spelling({"num_experts", "num_local_experts", "n_routed_experts"});
  moe::MoeConfig moe;
  moe.num_experts = keys.integer(*experts == '\0' ? "num_experts" : experts);
  moe.top_k = keys.integer("num_experts_per_tok");
  moe.layers = std::move(layers);
  moe.score_func = moe::ScoreFunction::kSoftmax;
  moe.num_shared_experts = 0;
  moe.routed_scaling_factor = 1.0;
  moe.aux_loss_coef = keys.number_or("router_aux_loss_coef", 0.001) * static_cast<double>(moe.top_k);
  moe.z_loss_coef = 0.0;
  return moe;
}

void write_aux_loss(const moe::MoeConfig& moe, OrderedJson& keys) {
  keys["num_experts_per_tok"] = moe.top_k;
  keys["output_router_logits"] = false;
  keys["router_aux_loss_coef"] = moe.aux_loss_coef / static_cast<double>(moe.top_k);
}

std::vector<std::int64_t> all_layers(std::int64_t num_layers) {
  std::vector<std::int64_t> layers(static_cast<std::size_t>(std::max<std::int64_t>(0, num_layers)));
  std::iota(layers.begin(), layers.end(), 0);
  return layers;
}

bool every_layer_is_sparse(const ModelDescription& model) {
  return static_cast<std::int64_t>(model.moe->layers.size()) == model.decoder.num_layers;
}

bool routes_by_softmax(const ModelDescription& model) { return model.moe && model.moe->score_func == moe::ScoreFunction::kSoftmax; }

std::optional<std::string> softmax_misfit(const ModelDescription& model) {
  const moe::MoeConfig& moe = *model.moe;
  if (model.router_bias()) return "softmax scores with a selection bias: only sigmoid ones (Glm4Moe) have it";
  if (moe.num_shared_experts > 0) return "softmax scores with shared experts: only sigmoid ones (Glm4Moe) have them";
  if (moe.routed_scaling_factor != 1.0)
    return fmt::format("softmax scores with routed_scaling_factor {}: only sigmoid ones (Glm4Moe) have it", moe.routed_scaling_factor);
  return std::nullopt;
}

}  // namespace sluice::recipes
