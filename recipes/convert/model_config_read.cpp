// Reading config.json.
#include "core/base/file_kind.hpp"
#include "recipes/convert/architectures/definition.hpp"
#include "recipes/convert/description_json.hpp"
#include "recipes/convert/model_config.hpp"

#include <fmt/format.h>

namespace sluice::recipes {
namespace {

using nlohmann::json;

/// The token id under `key`; the first of a list (Llama 3 has one); -1 if it is absent.
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

/// Notes on settings that are ignored: noise that acts in training only, and code that comes with the model.
std::vector<std::string> notes_of(const ConfigKeys& keys) {
  std::vector<std::string> notes;
  for (const char* key : {"attention_dropout", "router_jitter_noise"})
    if (keys.number_or(key, 0.0) != 0.0)
      notes.push_back(fmt::format("{}: '{}' {} is left aside: training here adds no noise", keys.file(), key, keys.at(key).dump()));
  if (keys.has("auto_map"))
    notes.push_back(fmt::format("{}: 'auto_map' is left aside: code that comes with a model is not run, it is computed as model_type says",
                                keys.file()));
  return notes;
}

// "llama, qwen3 and mixtral"
std::string supported_types() {
  std::string types;
  const auto& all = architectures();
  for (std::size_t i = 0; i < all.size(); ++i)
    types += fmt::format("{}{}", i == 0 ? "" : i + 1 == all.size() ? " and " : ", ", all[i]->model_type);
  return types;
}

ModelDescription read_foreign(const ConfigKeys& keys, const Architecture& architecture) {
  ModelDescription model;
  architecture.read(keys, model);
  model.eos_token_id = read_token_id(keys, "eos_token_id");
  model.bos_token_id = read_token_id(keys, "bos_token_id");
  model.dtype = read_dtype(keys);
  check_description(model, keys.file());
  return model;
}

/// Data error if the "sluice" object (`own`) and the architecture's keys (`keys`) disagree: then another tool changed one of them.
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
  const Architecture* architecture = find_architecture(type);
  ParsedConfig parsed;
  parsed.ours = keys.has("sluice");
  if (!architecture && !(parsed.ours && type == "sluice")) throw keys.unsupported("model_type", "supported are " + supported_types());
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
                     parsed.architecture != nullptr ? std::string(model_type_of(*parsed.architecture)) : "a model without an architecture");
  if (architecture) {
    const ModelDescription seen = read_foreign(keys, *architecture);
    require_agreement(parsed.model, seen, file);
    parsed.model.dtype = seen.dtype;  // another tool may have stored the weights again in another type
  }
  return parsed;
}

}  // namespace sluice::recipes
