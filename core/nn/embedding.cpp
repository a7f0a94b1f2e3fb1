#include "core/nn/embedding.hpp"

#include "core/kernels/rows.hpp"
#include "core/tensor/pointers.hpp"

namespace sluice {
namespace {

struct EmbeddingFunction : torch::autograd::Function<EmbeddingFunction> {
  static at::Tensor forward(torch::autograd::AutogradContext* ctx, const at::Tensor& use, const at::Tensor& ids, Parameter* table,
                            std::int64_t type) {
    (void)use;
    ctx->save_for_backward({ids});
    ctx->saved_data["table"] = reinterpret_cast<std::int64_t>(table);
    return table->compute.index_select(0, ids).to(static_cast<at::ScalarType>(type));
  }
  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* ctx, torch::autograd::variable_list grads) {
    const at::Tensor ids = ctx->get_saved_variables()[0];
    auto* table = reinterpret_cast<Parameter*>(ctx->saved_data["table"].toInt());
    const at::Tensor dy = grads[0].contiguous();
    GradientWriter(table->gradient).accumulate([&](at::Tensor& dtable) {
      SLUICE_DISPATCH(dy.scalar_type(), [&] {
        kernels::embedding_backward(data_of<const T>(dy), data_of<const std::int64_t>(ids), dy.size(0), dy.size(1), dtable.size(0),
                                    data_of<A>(dtable));
      });
    });
    return {at::Tensor(), at::Tensor(), at::Tensor(), at::Tensor()};
  }
};

}  // namespace

at::Tensor embedding(const at::Tensor& ids, Parameter& table, at::ScalarType type) {
  return EmbeddingFunction::apply(table.open_use(), ids, &table, static_cast<std::int64_t>(type));
}

}  // namespace sluice
