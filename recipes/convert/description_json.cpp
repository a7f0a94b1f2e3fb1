#include "recipes/convert/description_json.hpp"

#include <array>
#include <string_view>
#include <utility>

namespace sluice::recipes {
namespace {

using json = nlohmann::ordered_json;

constexpr int kFormatVersion = 1;

template <class Value, std::size_t N>
using Names = std::array<std::pair<std::string_view, Value>, N>;
constexpr Names<QkNorm, 3> kQkNorms = {{{"none", QkNorm::kNone}, {"head", QkNorm::kHead}, {"projection", QkNorm::kProjection}}};
constexpr Names<moe::ScoreFunction, 2> kScores = {{{"softmax", moe::ScoreFunction::kSoftmax}, {"sigmoid", moe::ScoreFunction::kSigmoid}}};
constexpr Names<moe::BalanceLoss, 3> kBalances = {
    {{"global", moe::BalanceLoss::kGlobal}, {"sequence", moe::BalanceLoss::kSequence}, {"lagged", moe::BalanceLoss::kLagged}}};
constexpr Names<moe::RouterInit, 2> kRouterInits = {{{"normal", moe::RouterInit::kNormal}, {"balanced", moe::RouterInit::kBalanced}}};
constexpr Names<DType, 3> kDTypes = {{{"float32", DType::kFloat32}, {"bfloat16", DType::kBFloat16}, {"float64", DType::kFloat64}}};

template <class Value, std::size_t N>
std::string name_in(const Names<Value, N>& names, Value value) {
  for (const auto& [name, named] : names)
    if (named == value) return std::string(name);
  return "";
}

template <class Value, std::size_t N>
Value value_in(const Names<Value, N>& names, const ConfigKeys& keys, const char* key) {
  const std::string text = keys.text(key);
  std::string known;
  for (const auto& [name, value] : names) {
    if (name == text) return value;
    known += known.empty() ? std::string(name) : ", " + std::string(name);
  }
  throw keys.wrong(key, ("one of " + known).c_str());
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
          {"qk_norm", name_in(kQkNorms, config.qk_norm)},
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
  config.qk_norm = value_in(kQkNorms, keys, "qk_norm");
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
          {"score_func", name_in(kScores, moe.score_func)},
          {"norm_topk_prob", moe.norm_topk_prob},
          {"routed_scaling_factor", moe.routed_scaling_factor},
          {"balance_loss", name_in(kBalances, moe.balance_loss)},
          {"aux_loss_coef", moe.aux_loss_coef},
          {"z_loss_coef", moe.z_loss_coef},
          {"bias_update_rate", moe.bias_update_rate},
          {"capacity_factor", moe.capacity_factor},
          {"router_init", name_in(kRouterInits, moe.router_init)},
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
  moe.score_func = value_in(kScores, keys, "score_func");
  moe.norm_topk_prob = keys.boolean("norm_topk_prob");
  moe.routed_scaling_factor = keys.number("routed_scaling_factor");
  moe.balance_loss = value_in(kBalances, keys, "balance_loss");
  moe.aux_loss_coef = keys.number("aux_loss_coef");
  moe.z_loss_coef = keys.number("z_loss_coef");
  moe.bias_update_rate = keys.number("bias_update_rate");
  moe.capacity_factor = keys.number("capacity_factor");
  // Checkpoints from before there was a choice lack it.
  moe.router_init = keys.has("router_init") ? value_in(kRouterInits, keys, "router_init") : moe::RouterInit::kNormal;
  moe.router_init_std = keys.number("router_init_std");
  moe.family_size = keys.integer("family_size");
  return moe;
}

}  // namespace

DType dtype_from(const ConfigKeys& keys, const char* key) {
  return value_in(kDTypes, keys, key);
}

json description_to_json(const ModelDescription& model) {
  return {{"format_version", kFormatVersion},
          {"dtype", name_in(kDTypes, model.dtype)},
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
