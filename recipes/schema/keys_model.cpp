// Keys of `model:` and of `moe:`.
#include "core/base/parse_number.hpp"
#include "core/shape/tensor_id.hpp"
#include "recipes/schema/keys.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace sluice::recipes {
namespace {

constexpr std::int64_t kLargestWidth = 1 << 24;
constexpr std::int64_t kMostLayers = 1 << 16;

// Whether `text` is a path that `pattern` means; '*' stands for any letters between two dots.
bool matches(std::string_view pattern, std::string_view text) {
  if (pattern.empty()) return text.empty();
  if (pattern[0] == '*') {
    for (std::size_t taken = 0;; ++taken) {
      if (matches(pattern.substr(1), text.substr(taken))) return true;
      if (taken == text.size() || text[taken] == '.') return false;
    }
  }
  return !text.empty() && text[0] == pattern[0] && matches(pattern.substr(1), text.substr(1));
}

void add_layers(const Node& item, const ReadContext& context, std::set<std::int64_t>& layers) {
  const std::int64_t num_layers = context.num_layers;
  if (!item.is_scalar()) fail_at(item.mark, fmt::format("'layers' holds indices and paths, found {}", describe(item)));
  if (const auto index = parse_number<std::int64_t>(item.text); item.plain && index) {
    if (*index < 0 || (num_layers > 0 && *index >= num_layers)) {
      const std::string there =
          num_layers > 0 ? fmt::format(": the model has layers 0 to {}{}", num_layers - 1, context.layers_note) : std::string();
      fail_at(item.mark, fmt::format("layer {} does not exist{}", *index, there));
    }
    layers.insert(*index);
    return;
  }
  if (num_layers == 0) return;
  if (std::count(item.text.begin(), item.text.end(), '*') > 8) fail_at(item.mark, fmt::format("{} has too many '*'", describe(item)));
  bool found = false;
  for (std::int64_t layer = 0; layer < num_layers; ++layer) {
    if (!matches(item.text, feed_forward_path(layer))) continue;
    layers.insert(layer);
    found = true;
  }
  if (!found) {
    fail_at(item.mark, fmt::format("{} names none of {} to {}{}", describe(item), feed_forward_path(0), feed_forward_path(num_layers - 1),
                                   context.layers_note));
  }
}

}  // namespace

std::vector<std::int64_t> read_layers(const Node& node, const ReadContext& context) {
  std::set<std::int64_t> layers;
  if (node.is_scalar() && node.text == "all") {
    for (std::int64_t layer = 0; layer < context.num_layers; ++layer) layers.insert(layer);
  } else if (node.is_scalar() && node.text.find('.') != std::string::npos) {
    add_layers(node, context, layers);
  } else if (node.kind == Node::Kind::kList) {
    if (node.items.empty()) fail_at(node.mark, "'layers' names no layer");
    for (const Node& item : node.items) add_layers(item, context, layers);
  } else {
    fail_at(node.mark, fmt::format("'layers' must be all or a list of indices, paths or patterns, found {}", describe(node)));
  }
  return {layers.begin(), layers.end()};
}

const Keys<DecoderConfig>& model_keys() {
  static const Keys<DecoderConfig> keys = [] {
    Keys<DecoderConfig> list = {
        fixed_key<DecoderConfig>("type", {.names = {{0, "decoder"}}, .unavailable = {"transformer_xl", "encoder"}},
                                 "a Llama/Qwen3-shaped decoder", {"model_type", "architecture", "flavor", "name"}),
        integer_key("hidden_size", &DecoderConfig::hidden_size, {1, kLargestWidth}, "width of the residual stream",
                    {"d_model", "n_embd", "dim", "model_dim", "embed_dim", "hidden_dim"}),
        integer_key("num_layers", &DecoderConfig::num_layers, {1, kMostLayers}, "decoder layers",
                    {"num_hidden_layers", "n_layers", "n_layer", "depth", "num_blocks"}),
        integer_key("num_attention_heads", &DecoderConfig::num_attention_heads, {1, kLargestWidth}, "query heads",
                    {"n_heads", "n_head", "num_heads"}),
        integer_key("num_key_value_heads", &DecoderConfig::num_key_value_heads, {1, kLargestWidth},
                    "key/value heads; divides num_attention_heads", {"n_kv_heads", "num_query_groups", "num_kv_heads", "n_kv_head"}),
        integer_key("head_dim", &DecoderConfig::head_dim, {2, kLargestWidth}, "width of a head; even",
                    {"kv_channels", "head_size", "d_head"}),
        integer_key("intermediate_size", &DecoderConfig::intermediate_size, {1, kLargestWidth}, "width of a dense SwiGLU",
                    {"ffn_hidden_size", "ffn_dim", "d_ff", "inter_dim", "n_inner", "mlp_hidden_size"}),
        choice_key("qk_norm", &DecoderConfig::qk_norm,
                   {.names = {{static_cast<int>(QkNorm::kNone), "false"},  // as YAML writes it
                              {static_cast<int>(QkNorm::kHead), "head"},
                              {static_cast<int>(QkNorm::kProjection), "projection"}},
                    .also = {{"none", "false"}, {"true", "head"}}},
                   "RMSNorm of queries and keys before RoPE: none, per head (Qwen3) or over the projection (OLMoE)",
                   {"use_qk_norm", "qk_layernorm"}),
        number_key("rope_theta", &DecoderConfig::rope_theta, {.low = 0, .without_low = true}, "base of the rotary embedding",
                   {"rotary_base", "rope_base", "rope_freq_base"}),
        number_key("rms_norm_eps", &DecoderConfig::rms_norm_eps, {.low = 0, .high = 1, .without_low = true, .without_high = true},
                   "epsilon of RMSNorm", {"norm_eps", "norm_epsilon", "layernorm_epsilon", "layer_norm_eps"}),
        boolean_key("tie_word_embeddings", &DecoderConfig::tie_word_embeddings, "the output projection is the embedding",
                    {"tie_embeddings", "weight_tying", "enable_weight_tying", "untie_embeddings_and_output_weights",
                     "share_embeddings_and_output_weights"}),
    };
    for (Key<DecoderConfig>& key : list) {
      if (key.info.name == "num_key_value_heads") key.info.default_value = "num_attention_heads";
      if (key.info.name == "head_dim") key.info.default_value = "hidden_size / num_attention_heads";
      if (key.info.name == "intermediate_size") key.info.default_value = "4 x hidden_size";
    }
    return list;
  }();
  return keys;
}

const Keys<moe::MoeConfig>& moe_keys() {
  using moe::MoeConfig;
  static const Keys<MoeConfig> keys = [] {
    Keys<MoeConfig> list = {
        integer_key("num_experts", &MoeConfig::num_experts, {1, 1 << 20},
                    "routed experts of a layer; grow makes twice as many where it does not say",
                    {"num_moe_experts", "num_local_experts", "n_routed_experts", "moe_num_experts", "n_experts"}),
        integer_key("top_k", &MoeConfig::top_k, {1, 1 << 20}, "experts a token goes to (families, in a family router)",
                    {"moe_router_topk", "num_experts_per_tok", "topk", "router_topk", "moe_top_k", "num_experts_per_token", "k"}),
        integer_key("expert_hidden_size", &MoeConfig::expert_hidden_size, {1, kLargestWidth}, "width of one expert's SwiGLU",
                    {"moe_ffn_hidden_size", "moe_inter_dim", "moe_intermediate_size", "expert_intermediate_size", "moe_hidden_size",
                     "hidden_size"}),
        integer_key("num_shared_experts", &MoeConfig::num_shared_experts, {0, 1 << 20},
                    "always-on experts, one SwiGLU of num_shared_experts x expert_hidden_size; take the first columns of the dense one",
                    {"n_shared_experts", "moe_shared_expert_intermediate_size", "shared_mlp", "shared_experts", "moe_num_shared_experts"}),
        {{"layers",
          "all or a list",
          "indices, paths (layers.3.feed_forward) and patterns (layers.*.feed_forward)",
          "the layers that are sparse",
          {"moe_layer_freq", "decoder_sparse_step", "moe_layers", "sparse_layers"},
          "all"},
         [](MoeConfig& out, const Node& node, const ReadContext& context) { out.layers = read_layers(node, context); },
         [](const MoeConfig& in) { return fmt::format("[{}]", fmt::join(in.layers, ", ")); }},
        choice_key("score_func", &MoeConfig::score_func, {.unavailable = {"sqrtsoftplus"}}, "scores of the router",
                   {"moe_router_score_function", "scoring_func", "gating_function", "score_function"}),
        boolean_key("norm_topk_prob", &MoeConfig::norm_topk_prob, "the chosen experts' weights are divided by their sum",
                    {"route_norm", "normalize_expert_weights", "moe_renormalize", "renormalize", "moe_router_pre_softmax"}),
        number_key("routed_scaling_factor", &MoeConfig::routed_scaling_factor, {.low = 0, .without_low = true},
                   "factor of the routed experts' sum", {"moe_router_topk_scaling_factor", "route_scale"}),
        choice_key("balance_loss", &MoeConfig::balance_loss,
                   {.aliases = {{"aux_loss", "global"}, {"global_aux_loss", "global"}, {"seq_aux_loss", "sequence"}}},
                   "whose token counts balance the experts: of the whole step, of each sequence, or of the previous step",
                   {"moe_router_load_balancing_type", "load_balancing", "load_balancing_type"}),
        number_key("aux_loss_coef", &MoeConfig::aux_loss_coef, {.low = 0}, "coefficient of the balance loss",
                   {"moe_aux_loss_coeff", "router_aux_loss_coef", "moe_aux_loss_coef", "lb_loss_weight", "load_balancing_loss_coef",
                    "aux_loss_alpha"}),
        number_key("z_loss_coef", &MoeConfig::z_loss_coef, {.low = 0}, "coefficient of the router z-loss",
                   {"moe_z_loss_coeff", "router_z_loss_coef", "z_loss_weight", "moe_z_loss_coef"}),
        number_key(
            "bias_update_rate", &MoeConfig::bias_update_rate, {.low = 0},
            "step of the loss-free balancing bias of sigmoid scores; softmax scores, which share out 1, take it / router rows (experts, or "
            "families); 0 is off",
            {"moe_router_bias_update_rate", "load_balance_coeff", "bias_gamma", "moe_router_enable_expert_bias"}),
        number_key("capacity_factor", &MoeConfig::capacity_factor, {.low = 0},
                   "an expert takes ceil(T x top_k x factor / num_experts) tokens of a sequence; 0 drops none",
                   {"moe_expert_capacity_factor", "expert_capacity_factor", "moe_capacity_factor"}),
        choice_key("router_init", &MoeConfig::router_init, {.number_key = "router_init_std"},
                   "what the router rows that a conversion adds are made of: balanced rows share out the training text evenly at the "
                   "start, chosen on conversion_sequences of it; normal ones are drawn blind. Such are all rows of a new router, the "
                   "children's of new families, and what parts equal experts; flatten also tries rows shifted so"),
        number_key(
            "router_init_std", &MoeConfig::router_init_std, {.low = 0},
            "standard deviation of new normal router rows: all of a new router, and the children's of new families; the logits of balanced "
            "ones spread as far as theirs would on inputs of unit variance",
            {"moe_router_init_std"}),
        integer_key("family_size", &MoeConfig::family_size, {1, 1 << 20},
                    "children of a router family; follows from growth and is not set by hand"),
    };
    for (Key<MoeConfig>& key : list)
      if (key.info.name == "expert_hidden_size")
        key.info.default_value = "intermediate_size / (1 + num_shared_experts); virtual_group: / (top_k + num_shared_experts)";
    return list;
  }();
  return keys;
}

}  // namespace sluice::recipes
