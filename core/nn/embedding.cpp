#include "core/nn/embedding.hpp"

#include "core/ops/embedding.hpp"

namespace sluice {
namespace {

struct EmbeddingFunction : torch::autograd::Function<EmbeddingFunction> {
  static at::Tensor forward(torch::autograd::AutogradContext* ctx, const at::Tensor& use, const at::Tensor& ids, Parameter* table,
                            std::int64_t type) {
    (void)use;
    ctx->save_for_backward({ids});
    ctx->saved_data["table"] = reinterpret_cast<std::int64_t>(table);
    return ops::embedding(table->compute, ids).to(static_cast<at::ScalarType>(type));
  }
  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* ctx, torch::autograd::variable_list grads) {
    const at::Tensor ids = ctx->get_saved_variables()[0];
    auto* table = reinterpret_cast<Parameter*>(ctx->saved_data["table"].toInt());
    const at::Tensor dy = grads[0].contiguous();
    GradientWriter(table->gradient).accumulate([&](const at::Tensor& dtable) { ops::embedding_backward(dy, ids, dtable); });
    return {at::Tensor(), at::Tensor(), at::Tensor(), at::Tensor()};
  }
};

}  // namespace

at::Tensor embedding(const at::Tensor& ids, Parameter& table, at::ScalarType type) {
  return EmbeddingFunction::apply(table.open_use(), ids, &table, static_cast<std::int64_t>(type));
}

}  // namespace sluice
