#include "recipes/convert/description_json.hpp"

#include <fmt/format.h>

#include <ranges>

namespace sluice::recipes {
namespace {

using json = nlohmann::ordered_json;

constexpr int kFormatVersion = 1;

template <NamedEnum E>
E value_in(const ConfigKeys& keys, const char* key) {
  if (const auto value = value_of<E>(keys.text(key))) return *value;
  throw keys.wrong(key, fmt::format("one of {}", fmt::join(names_of(E{}) | std::views::transform(&EnumName<E>::name), ", ")).c_str());
}

json decoder_to_json(const DecoderConfig& config) {
  return {{"vocab_size", config.vocab_size},
          {"hidden_size", config.hidden_size},
          {"num_layers", config.num_layers},
          {"num_attention_heads", config.num_attention_heads},
          {"num_key_value_heads", config.num_key_value_heads},
          {"head_dim", config.head_dim},
          {"intermediate_size", config.intermediate_size},
          {"max_position_embeddings", config.max_position_embeddings},
          {"qk_norm", std::string(name_of(config.qk_norm))},
          {"rope_theta", config.rope_theta},
          {"rms_norm_eps", config.rms_norm_eps},
          {"tie_word_embeddings", config.tie_word_embeddings}};
}

DecoderConfig decoder_from_json(const ConfigKeys& keys) {
  DecoderConfig config;
  config.vocab_size = keys.integer("vocab_size");
  config.hidden_size = keys.integer("hidden_size");
  config.num_layers = keys.integer("num_layers");
  config.num_attention_heads = keys.integer("num_attention_heads");
  config.num_key_value_heads = keys.integer("num_key_value_heads");
  config.head_dim = keys.integer("head_dim");
  config.intermediate_size = keys.integer("intermediate_size");
  config.max_position_embeddings = keys.integer("max_position_embeddings");
  config.qk_norm = value_in<QkNorm>(keys, "qk_norm");
  config.rope_theta = keys.number("rope_theta");
  config.rms_norm_eps = keys.number("rms_norm_eps");
  config.tie_word_embeddings = keys.boolean("tie_word_embeddings");
  return config;
}

json moe_to_json(const moe::MoeConfig& moe) {
  return {{"num_experts", moe.num_experts},
          {"top_k", moe.top_k},
          {"expert_hidden_size", moe.expert_hidden_size},
          {"num_shared_experts", moe.num_shared_experts},
          {"layers", moe.layers},
          {"score_func", std::string(name_of(moe.score_func))},
          {"norm_topk_prob", moe.norm_topk_prob},
          {"routed_scaling_factor", moe.routed_scaling_factor},
          {"balance_loss", std::string(name_of(moe.balance_loss))},
          {"aux_loss_coef", moe.aux_loss_coef},
          {"z_loss_coef", moe.z_loss_coef},
          {"bias_update_rate", moe.bias_update_rate},
          {"capacity_factor", moe.capacity_factor},
          {"router_init", std::string(name_of(moe.router_init))},
          {"router_init_std", moe.router_init_std},
          {"family_size", moe.family_size}};
}

moe::MoeConfig moe_from_json(const ConfigKeys& keys) {
  moe::MoeConfig moe;
  moe.num_experts = keys.integer("num_experts");
  moe.top_k = keys.integer("top_k");
  moe.expert_hidden_size = keys.integer("expert_hidden_size");
  moe.num_shared_experts = keys.integer("num_shared_experts");
  moe.layers = keys.integers("layers");
  moe.score_func = value_in<moe::ScoreFunction>(keys, "score_func");
  moe.norm_topk_prob = keys.boolean("norm_topk_prob");
  moe.routed_scaling_factor = keys.number("routed_scaling_factor");
  moe.balance_loss = value_in<moe::BalanceLoss>(keys, "balance_loss");
  moe.aux_loss_coef = keys.number("aux_loss_coef");
  moe.z_loss_coef = keys.number("z_loss_coef");
  moe.bias_update_rate = keys.number("bias_update_rate");
  moe.capacity_factor = keys.number("capacity_factor");
  // Checkpoints from before there was a choice lack it.
  moe.router_init = keys.has("router_init") ? value_in<moe::RouterInit>(keys, "router_init") : moe::RouterInit::kNormal;
  moe.router_init_std = keys.number("router_init_std");
  moe.family_size = keys.integer("family_size");
  return moe;
}

}  // namespace

DType dtype_from(const ConfigKeys& keys, const char* key) {
  const auto type = value_of<DType>(keys.text(key));
  if (!type || !is_floating(*type)) throw keys.wrong(key, "one of float32, bfloat16, float64");
  return *type;
}

json description_to_json(const ModelDescription& model) {
  return {{"format_version", kFormatVersion},
          {"dtype", std::string(name_of(model.dtype))},
          {"eos_token_id", model.eos_token_id},
          {"bos_token_id", model.bos_token_id},
          {"has_router_bias", model.has_router_bias},
          {"decoder", decoder_to_json(model.decoder)},
          {"moe", model.moe ? moe_to_json(*model.moe) : json(nullptr)}};
}

ModelDescription description_from_json(const ConfigKeys& keys) {
  if (keys.integer("format_version") != kFormatVersion) throw keys.unsupported("format_version", "this program reads version 1");
  ModelDescription model;
  model.dtype = dtype_from(keys, "dtype");
  model.eos_token_id = keys.integer("eos_token_id");
  model.bos_token_id = keys.integer("bos_token_id");
  model.has_router_bias = keys.boolean("has_router_bias");
  model.decoder = decoder_from_json(keys.child("decoder"));
  if (keys.has("moe")) model.moe = moe_from_json(keys.child("moe"));
  return model;
}

}  // namespace sluice::recipes
