// Legend: N rows, D model width, H query heads, K key/value heads, h head width, Q = H h, P = K h, C = Q + 2 P; B sequences, T rows of
// each, S rows that are looked at, those of a cache included.
#include "core/nn/attention.hpp"

#include "core/nn/attention_kernel.hpp"
#include "core/nn/linear.hpp"
#include "core/nn/rms_norm.hpp"
#include "core/ops/rope.hpp"
#include "core/tensor/dtype_map.hpp"

#include <cmath>

namespace sluice {
namespace {

struct Shape {
  std::int64_t query_heads, key_heads, head_dim;
  double eps;
};

// Everything QkvFunction needs besides tensors; lives as long as the layer, so backward may point to it.
struct QkvContext : torch::CustomClassHolder {
  Shape shape;
  Parameter* q_norm = nullptr;  // null: no normalisation
  Parameter* k_norm = nullptr;
  std::shared_ptr<RopeTable> rope;
  at::Tensor positions;  // [N]
};

at::Tensor columns(const at::Tensor& qkv, std::int64_t begin, std::int64_t width) { return qkv.narrow(1, begin, width).contiguous(); }

void rotate(const at::Tensor& x, const QkvContext& c, bool inverse) {
  ops::rope_rotate(x, c.rope->cos(), c.rope->sin(), c.positions, inverse);
}

// Splits qkv and returns q and k, normalised and rotated, and v.
struct QkvFunction : torch::autograd::Function<QkvFunction> {
  static torch::autograd::variable_list forward(torch::autograd::AutogradContext* ctx, const at::Tensor& qkv_NC,
                                                const at::Tensor& q_norm_use, const at::Tensor& k_norm_use,
                                                const c10::intrusive_ptr<QkvContext>& c) {
    (void)q_norm_use;
    (void)k_norm_use;
    const Shape& s = c->shape;
    const std::int64_t q_width = s.query_heads * s.head_dim, k_width = s.key_heads * s.head_dim;
    at::Tensor q_NQ = columns(qkv_NC, 0, q_width), k_NP = columns(qkv_NC, q_width, k_width),
               v_NP = columns(qkv_NC, q_width + k_width, k_width);
    at::Tensor q_raw_NQ, k_raw_NP, q_rms, k_rms;
    if (c->q_norm != nullptr) {
      q_raw_NQ = q_NQ;
      k_raw_NP = k_NP;
      std::tie(q_NQ, q_rms) = norm_rows(q_raw_NQ, *c->q_norm, s.eps);
      std::tie(k_NP, k_rms) = norm_rows(k_raw_NP, *c->k_norm, s.eps);
    }
    rotate(q_NQ, *c, false);
    rotate(k_NP, *c, false);
    ctx->save_for_backward({q_raw_NQ, k_raw_NP, q_rms, k_rms});
    ctx->saved_data["context"] = c10::IValue::make_capsule(c);
    return {q_NQ, k_NP, v_NP};
  }
  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* ctx, torch::autograd::variable_list grads) {
    const auto saved = ctx->get_saved_variables();
    const auto capsule = ctx->saved_data["context"].toCapsule();
    const QkvContext& c = *static_cast<QkvContext*>(capsule.get());
    at::Tensor dq_NQ = grads[0].clone(at::MemoryFormat::Contiguous), dk_NP = grads[1].clone(at::MemoryFormat::Contiguous);
    rotate(dq_NQ, c, true);
    rotate(dk_NP, c, true);
    if (c.q_norm != nullptr) {
      dq_NQ = norm_rows_backward(dq_NQ, saved[0], saved[2], *c.q_norm, ctx->needs_input_grad(1));
      dk_NP = norm_rows_backward(dk_NP, saved[1], saved[3], *c.k_norm, ctx->needs_input_grad(2));
    }
    return {at::cat({dq_NQ, dk_NP, grads[2]}, 1), at::Tensor(), at::Tensor(), at::Tensor()};
  }
};

// Returns [B, H, S, h]: each key/value head serves H / K query heads. For kernels that want as many key/value heads.
at::Tensor expand_heads(const at::Tensor& x_BSKh, std::int64_t query_heads) {
  const std::int64_t key_heads = x_BSKh.size(2), group = query_heads / key_heads;
  if (group == 1) return x_BSKh.transpose(1, 2);
  return x_BSKh.unsqueeze(3)
      .expand({x_BSKh.size(0), x_BSKh.size(1), key_heads, group, x_BSKh.size(3)})
      .reshape({x_BSKh.size(0), x_BSKh.size(1), query_heads, x_BSKh.size(3)})
      .transpose(1, 2);
}

}  // namespace

Attention::Attention(const std::string& layer, const DecoderConfig& config, std::shared_ptr<RopeTable> rope,
                     const at::TensorOptions& options)
    : config_(config), rope_(std::move(rope)) {
  const std::vector<ModelTensor> tensors = attention_tensors(config, layer);
  qkv = Parameter::of_rows(layer_prefix(layer) + ".self_attn.qkv", {tensors[0], tensors[1], tensors[2]}, options);
  out = Parameter::of(tensors[3], options);
  if (config.qk_norm == QkNorm::kNone) return;
  q_norm = Parameter::of(tensors[4], options);
  k_norm = Parameter::of(tensors[5], options);
  q_norm.decay = k_norm.decay = false;
}

void Attention::collect(std::vector<Parameter*>& parameters) {
  parameters.push_back(&qkv);
  parameters.push_back(&out);
  if (config_.qk_norm == QkNorm::kNone) return;
  parameters.push_back(&q_norm);
  parameters.push_back(&k_norm);
}

at::Tensor Attention::forward(const at::Tensor& x_ND, const RowTable& rows, AttentionCache* cache, bool causal) {
  const std::int64_t heads = config_.num_attention_heads, key_heads = config_.num_key_value_heads, h = config_.head_dim;
  rope_->reserve(rows.last_position() + 1);
  auto context = c10::make_intrusive<QkvContext>();
  context->shape = {heads, key_heads, h, config_.rms_norm_eps};
  if (config_.qk_norm != QkNorm::kNone) {
    context->q_norm = &q_norm;
    context->k_norm = &k_norm;
  }
  context->rope = rope_;
  context->positions = rows.position();

  // Without normalisation these are no parts of the model: they have no gradient, and so no use.
  const auto parts = QkvFunction::apply(linear(x_ND, qkv, qkv_numerics), q_norm.open_use(), k_norm.open_use(), context);
  const at::Tensor q_NHh = parts[0].view({-1, heads, h}), k_NKh = parts[1].view({-1, key_heads, h}),
                   v_NKh = parts[2].view({-1, key_heads, h});
  at::Tensor merged_NQ;
  if (const auto length = rows.common_length()) {
    const auto by_sequence = [&](const at::Tensor& t) { return t.view({rows.sequences(), *length, t.size(1), h}); };
    merged_NQ = attend(by_sequence(q_NHh), by_sequence(k_NKh), by_sequence(v_NKh), cache, causal);
  } else {
    TORCH_CHECK(cache == nullptr, "sequences of unequal length cannot continue a cache; this is a defect of Sluice");
    std::vector<at::Tensor> sequences;
    for (std::size_t b = 0; b + 1 < rows.offsets().size(); ++b) {
      const std::int64_t begin = rows.offsets()[b], count = rows.offsets()[b + 1] - begin;
      const auto of_sequence = [&](const at::Tensor& t) { return t.narrow(0, begin, count).unsqueeze(0); };
      sequences.push_back(attend(of_sequence(q_NHh), of_sequence(k_NKh), of_sequence(v_NKh), nullptr, causal));
    }
    merged_NQ = at::cat(sequences, 0);
  }
  return linear(merged_NQ.to(x_ND.scalar_type()), out, out_numerics);
}

// Returns [N, Q].
at::Tensor Attention::attend(const at::Tensor& q_BTHh, at::Tensor k_BSKh, at::Tensor v_BSKh, AttentionCache* cache, bool causal) const {
  const std::int64_t batch = q_BTHh.size(0), length = q_BTHh.size(1), heads = q_BTHh.size(2), h = q_BTHh.size(3);
  std::optional<at::Tensor> mask_TS;
  causal = causal && length > 1;
  if (cache != nullptr) {
    if (cache->key.defined()) {
      k_BSKh = at::cat({cache->key, k_BSKh}, 1);
      v_BSKh = at::cat({cache->value, v_BSKh}, 1);
    }
    cache->key = k_BSKh;
    cache->value = v_BSKh;
    if (length > 1 && k_BSKh.size(1) > length) {
      // A chunk that continues a cache sees all of it and its own past.
      causal = false;
      const std::int64_t past = k_BSKh.size(1) - length;
      mask_TS = at::ones({length, k_BSKh.size(1)}, q_BTHh.options().dtype(at::kBool).requires_grad(false)).tril(past);
    }
  }
  // Kernels differ in whether they accept a batch without sequences. The sums give keys and values a gradient, of no elements too.
  if (batch * length == 0) return q_BTHh.reshape({0, heads * h}) + (k_BSKh.sum() + v_BSKh.sum()).to(q_BTHh.scalar_type());
  const at::Tensor q = to_product(q_BTHh.transpose(1, 2));
  const bool shares = takes_shared_heads(q) && k_BSKh.size(2) != heads;
  const auto of_heads = [&](const at::Tensor& x_BSKh) { return to_product(shares ? x_BSKh.transpose(1, 2) : expand_heads(x_BSKh, heads)); };
  const at::Tensor attended_BHTh = at::scaled_dot_product_attention(q, of_heads(k_BSKh), of_heads(v_BSKh), mask_TS, 0.0, causal,
                                                                    1.0 / std::sqrt(static_cast<double>(h)), shares);
  return attended_BHTh.transpose(1, 2).reshape({batch * length, heads * h});
}

}  // namespace sluice
