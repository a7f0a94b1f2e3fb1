// A model follows its TensorOptions, and no operation of a step reads a value: a dense decoder trains where there are no values.
#include "core/models/decoder.hpp"

#include "core/nn/cross_entropy.hpp"
#include "core/nn/parameter_set.hpp"
#include "core/optim/adamw.hpp"
#include "tests/support/adamw_control.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/tiny_model.hpp"

#include <ATen/ExpandUtils.h>
#include <torch/library.h>

using namespace sluice;

namespace {

// LibTorch's attention needs these, which it has for this device in Python only.
at::Tensor where(const at::Tensor& condition, const at::Tensor& a, const at::Tensor& b) {
  const auto sizes = at::infer_size(at::infer_size(condition.sizes(), a.sizes()), b.sizes());
  return at::empty(sizes, (a.dim() > 0 ? a : b).options().device(at::kMeta));
}

at::Tensor& where_out(const at::Tensor&, const at::Tensor&, const at::Tensor&, at::Tensor& out) { return out; }

}  // namespace

TORCH_LIBRARY_IMPL(aten, Meta, meta) {
  meta.impl("where.self", where);
  meta.impl("where.self_out", where_out);
}

TEST_CASE("a dense decoder on the meta device: forward, loss, gradients and an update") {
  DecoderConfig config = testing::tiny_decoder();
  for (const at::ScalarType type : {at::kDouble, at::kFloat, at::kBFloat16}) {
    for (const QkNorm norm : {QkNorm::kNone, QkNorm::kHead, QkNorm::kProjection}) {
      config.qk_norm = norm;
      Decoder decoder(config, at::TensorOptions(type).device(at::kMeta));
      ParameterSet parameters(decoder.parameters());
      const Batch batch = {at::zeros({2 * 5}, at::TensorOptions(at::kLong).device(at::kMeta)), RowTable({5, 5}, {0, 1}, at::kMeta)};
      const at::Tensor hidden = decoder.forward(batch, nullptr, {}).hidden;
      CHECK(hidden.is_meta());
      CHECK(hidden.scalar_type() == type);
      CHECK(hidden.sizes() == at::IntArrayRef({10, 16}));
      parameters.clear_gradients();
      linear_cross_entropy(decoder.forward(batch, nullptr, {}).hidden, batch.ids, decoder.head(), 0.1).backward();
      parameters.close_gradients();
      for (const Parameter* p : parameters.trained()) {
        INFO(p->name);
        CHECK(p->gradient.all_uses_done());
        CHECK(p->gradient.sum().is_meta());
        CHECK(p->compute.is_meta());
      }
      AdamW(parameters).step(parameters, {}, 1e-3, testing::update_by(1.0).to(at::kMeta));
      // Inference goes on from a cache.
      at::NoGradGuard no_grad;
      ModelState state;
      decoder.forward(batch, &state, {});
      CHECK(decoder.forward(batch, &state, {}).hidden.is_meta());
    }
  }
}
