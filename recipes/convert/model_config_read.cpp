// Reading config.json.
#include "core/base/file_kind.hpp"
#include "recipes/convert/description_json.hpp"
#include "recipes/convert/model_config.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace sluice::recipes {
namespace {

using nlohmann::json;

/// What Transformers takes for absent keys (class defaults of 5.17).
struct Defaults {
  std::int64_t num_key_value_heads;  // 0: as many as heads
  std::int64_t head_dim;             // 0: hidden_size / num_attention_heads
  double rope_theta;
  double rms_norm_eps;
  std::int64_t max_position_embeddings;
};

Defaults defaults_of(Architecture architecture) {
  switch (architecture) {
    case Architecture::kLlama: return {0, 0, 1e4, 1e-6, 2048};
    case Architecture::kQwen3: return {32, 128, 1e4, 1e-6, 32768};
    case Architecture::kMixtral: return {8, 0, 1e6, 1e-5, 131072};
    case Architecture::kQwen3Moe: return {4, 0, 1e4, 1e-6, 32768};
    case Architecture::kGlm4Moe: return {8, 0, 1e4, 1e-5, 131072};
  }
  return {};
}

void refuse_unsupported(const ConfigKeys& keys, Architecture architecture) {
  for (const char* key : {"attention_bias", "mlp_bias"})
    if (keys.boolean_or(key, false)) throw keys.unsupported(key, "linear layers with biases are not supported");
  if (keys.has("hidden_act") && keys.text("hidden_act") != "silu") throw keys.unsupported("hidden_act", "only silu (SwiGLU) is supported");
  if (keys.has("clip_qkv")) throw keys.unsupported("clip_qkv", "clipping queries, keys and values is not supported");
  if (keys.has("quantization_config")) throw keys.unsupported("quantization_config", "quantised weights are not read");
  const bool uses_window = architecture == Architecture::kMixtral || keys.boolean_or("use_sliding_window", false);
  if (uses_window && keys.has("sliding_window")) throw keys.unsupported("sliding_window", "sliding-window attention is not supported");
  if (keys.has("layer_types")) {
    if (!keys.at("layer_types").is_array()) throw keys.wrong("layer_types", "a list of strings");
    for (const json& type : keys.at("layer_types"))
      if (type != "full_attention") throw keys.unsupported("layer_types", "only full_attention is supported");
  }
  for (const char* key : {"n_group", "topk_group"})
    if (keys.integer_or(key, 1) != 1) throw keys.unsupported(key, "routing in groups of experts is not supported");
  if (keys.has("architectures")) {
    const json& names = keys.at("architectures");
    if (!names.is_array()) throw keys.wrong("architectures", "a list of strings");
    if (!names.empty() && std::find(names.begin(), names.end(), std::string(class_of(architecture))) == names.end())
      throw keys.unsupported("architectures", fmt::format("only {} is supported", class_of(architecture)));
  }
}

/// rope_theta, from rope_parameters (5.x) or the top level (4.x); anything but plain rotary embeddings over the whole head is refused.
double read_rope(const ConfigKeys& keys, Architecture architecture) {
  double theta = keys.number_or("rope_theta", defaults_of(architecture).rope_theta);
  double partial = keys.number_or("partial_rotary_factor", architecture == Architecture::kGlm4Moe ? 0.5 : 1.0);
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
  if (partial != 1.0)
    throw data_error("{}: partial_rotary_factor is {}{}: only rotary embeddings over the whole head are supported", keys.file(), partial,
                     architecture == Architecture::kGlm4Moe ? " (glm4_moe takes 0.5 where it is absent)" : "");
  return theta;
}

std::int64_t heads_size(const ConfigKeys& keys, const DecoderConfig& config, std::int64_t absent) {
  if (keys.has("head_dim")) return keys.integer("head_dim");
  if (absent > 0) return absent;
  if (config.num_attention_heads < 1 || config.hidden_size % config.num_attention_heads != 0)
    throw data_error("{}: without 'head_dim', num_attention_heads({}) must divide hidden_size({})", keys.file(), config.num_attention_heads,
                     config.hidden_size);
  return config.hidden_size / config.num_attention_heads;
}

DecoderConfig read_decoder(const ConfigKeys& keys, Architecture architecture) {
  const Defaults absent = defaults_of(architecture);
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
  config.rope_theta = read_rope(keys, architecture);
  config.rms_norm_eps = keys.number_or("rms_norm_eps", absent.rms_norm_eps);
  config.tie_word_embeddings = keys.boolean_or("tie_word_embeddings", false);
  const bool normed = architecture == Architecture::kQwen3 || architecture == Architecture::kQwen3Moe ||
                      (architecture == Architecture::kGlm4Moe && keys.boolean_or("use_qk_norm", false));
  config.qk_norm = normed ? QkNorm::kHead : QkNorm::kNone;
  return config;
}

std::vector<std::int64_t> read_sparse_layers(const ConfigKeys& keys, Architecture architecture, std::int64_t num_layers) {
  const std::int64_t step = keys.integer_or("decoder_sparse_step", 1);
  if (step < 1) throw keys.wrong("decoder_sparse_step", "at least 1");
  const auto dense = keys.has("mlp_only_layers") ? keys.integers("mlp_only_layers") : std::vector<std::int64_t>{};
  const std::int64_t first = architecture == Architecture::kGlm4Moe ? keys.integer_or("first_k_dense_replace", 1) : 0;
  std::vector<std::int64_t> layers;
  for (std::int64_t layer = 0; layer < num_layers; ++layer) {
    const bool qwen_dense =
        architecture == Architecture::kQwen3Moe && ((layer + 1) % step != 0 || std::count(dense.begin(), dense.end(), layer) != 0);
    if (layer >= first && !qwen_dense) layers.push_back(layer);
  }
  return layers;
}

std::optional<moe::MoeConfig> read_moe(const ConfigKeys& keys, Architecture architecture, std::int64_t num_layers) {
  if (architecture == Architecture::kLlama || architecture == Architecture::kQwen3) return std::nullopt;
  const char* experts = keys.spelling({"num_experts", "num_local_experts", "n_routed_experts"});
  moe::MoeConfig moe;
  moe.num_experts = keys.integer(*experts == '\0' ? "num_experts" : experts);
  moe.top_k = keys.integer("num_experts_per_tok");
  moe.layers = read_sparse_layers(keys, architecture, num_layers);
  if (moe.layers.empty() || (architecture == Architecture::kQwen3Moe && moe.num_experts == 0)) return std::nullopt;  // all layers are dense
  moe.expert_hidden_size = keys.integer(architecture == Architecture::kMixtral ? "intermediate_size" : "moe_intermediate_size");
  const bool glm = architecture == Architecture::kGlm4Moe;
  moe.score_func = glm ? moe::ScoreFunction::kSigmoid : moe::ScoreFunction::kSoftmax;
  moe.norm_topk_prob = architecture == Architecture::kMixtral || keys.boolean_or("norm_topk_prob", glm);
  moe.num_shared_experts = glm ? keys.integer_or("n_shared_experts", 1) : 0;
  moe.routed_scaling_factor = glm ? keys.number_or("routed_scaling_factor", 1.0) : 1.0;
  moe.aux_loss_coef = glm ? 0.0 : keys.number_or("router_aux_loss_coef", 0.001) * static_cast<double>(moe.top_k);
  moe.z_loss_coef = 0.0;
  return moe;
}

/// -1 if absent; of a list (Llama 3) the first.
std::int64_t read_token_id(const ConfigKeys& keys, const char* key) {
  if (!keys.has(key)) return -1;
  if (!keys.at(key).is_array()) return keys.integer(key);
  const auto ids = keys.integers(key);
  return ids.empty() ? -1 : ids.front();
}

DType read_dtype(const ConfigKeys& keys) {
  const char* key = keys.spelling({"dtype", "torch_dtype"});
  if (*key == '\0') return DType::kFloat32;
  if (keys.text(key) == "float16") return DType::kFloat32;  // every float16 is a float32
  return dtype_from(keys, key);
}

/// What acts in training alone and is not done here, and code that comes with the model.
std::vector<std::string> notes_of(const ConfigKeys& keys) {
  std::vector<std::string> notes;
  for (const char* key : {"attention_dropout", "router_jitter_noise"})
    if (keys.number_or(key, 0.0) != 0.0) notes.push_back(fmt::format("{}: '{}' {} is left aside: training here adds no noise", keys.file(), key, keys.at(key).dump()));
  if (keys.has("auto_map"))
    notes.push_back(fmt::format("{}: 'auto_map' is left aside: code that comes with a model is not run, it is computed as model_type says", keys.file()));
  return notes;
}

ModelDescription read_foreign(const ConfigKeys& keys, Architecture architecture) {
  refuse_unsupported(keys, architecture);
  ModelDescription model;
  model.decoder = read_decoder(keys, architecture);
  model.moe = read_moe(keys, architecture, model.decoder.num_layers);
  model.eos_token_id = read_token_id(keys, "eos_token_id");
  model.bos_token_id = read_token_id(keys, "bos_token_id");
  model.dtype = read_dtype(keys);
  model.has_router_bias = model.moe && architecture == Architecture::kGlm4Moe;
  check_description(model, keys.file());
  return model;
}

/// The "sluice" object must agree with the architecture's keys, or one of them was changed behind our back.
void require_agreement(const ModelDescription& own, const ModelDescription& keys, const std::string& file) {
  const auto compare = [&](const char* key, const auto& ours, const auto& theirs) {
    if (ours != theirs)
      throw data_error("{}: '{}' is {}, but the \"sluice\" object says {}: one of them was changed", file, key, json(theirs).dump(),
                       json(ours).dump());
  };
  const DecoderConfig &a = own.decoder, &b = keys.decoder;
  compare("vocab_size", a.vocab_size, b.vocab_size);
  compare("hidden_size", a.hidden_size, b.hidden_size);
  compare("num_hidden_layers", a.num_layers, b.num_layers);
  compare("num_attention_heads", a.num_attention_heads, b.num_attention_heads);
  compare("num_key_value_heads", a.num_key_value_heads, b.num_key_value_heads);
  compare("head_dim", a.head_dim, b.head_dim);
  compare("rope_theta", a.rope_theta, b.rope_theta);
  compare("rms_norm_eps", a.rms_norm_eps, b.rms_norm_eps);
  compare("tie_word_embeddings", a.tie_word_embeddings, b.tie_word_embeddings);
  compare("use_qk_norm", a.qk_norm == QkNorm::kHead, b.qk_norm == QkNorm::kHead);
  if (!own.moe || !keys.moe) {
    compare("num_experts", own.moe ? own.moe->num_experts : 0, keys.moe ? keys.moe->num_experts : 0);
    compare("intermediate_size", a.intermediate_size, b.intermediate_size);
    return;
  }
  const moe::MoeConfig &c = *own.moe, &d = *keys.moe;
  compare("sparse layers", c.layers, d.layers);
  compare("num_experts", c.num_experts, d.num_experts);
  compare("num_experts_per_tok", c.top_k, d.top_k);
  compare("moe_intermediate_size", c.expert_hidden_size, d.expert_hidden_size);
  compare("n_shared_experts", c.num_shared_experts, d.num_shared_experts);
  compare("norm_topk_prob", c.norm_topk_prob, d.norm_topk_prob);
  compare("routed_scaling_factor", c.routed_scaling_factor, d.routed_scaling_factor);
  if (static_cast<std::int64_t>(c.layers.size()) < a.num_layers) compare("intermediate_size", a.intermediate_size, b.intermediate_size);
}

}  // namespace

ParsedConfig parse_config(std::string_view text, const std::string& file) {
  refuse_foreign(text, file, "a config.json", "copy or download it again");
  const json document = json::parse(text.begin(), text.end(), nullptr, false);
  if (document.is_discarded()) throw data_error("{}: not valid JSON", file);
  const ConfigKeys keys(document, file);
  const std::string type = keys.text("model_type");
  const auto architecture = parse_model_type(type);
  ParsedConfig parsed;
  parsed.ours = keys.has("sluice");
  if (!architecture && !(parsed.ours && type == "sluice"))
    throw keys.unsupported("model_type", "supported are llama, qwen3, mixtral, qwen3_moe and glm4_moe");
  parsed.notes = notes_of(keys);
  if (!parsed.ours) {
    parsed.model = read_foreign(keys, *architecture);
    parsed.architecture = architecture;
    return parsed;
  }
  parsed.model = description_from_json(keys.child("sluice"));
  check_description(parsed.model, file);
  parsed.architecture = architecture_of(parsed.model).architecture;
  if (parsed.architecture != architecture)
    throw data_error("{}: 'model_type' is \"{}\", but the \"sluice\" object describes {}: one of them was changed", file, type,
                     parsed.architecture ? std::string(model_type_of(*parsed.architecture)) : "a model without an architecture");
  if (architecture) {
    const ModelDescription seen = read_foreign(keys, *architecture);
    require_agreement(parsed.model, seen, file);
    parsed.model.dtype = seen.dtype;  // others may store the weights anew in another type
  }
  return parsed;
}

}  // namespace sluice::recipes
