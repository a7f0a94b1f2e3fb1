#include "core/tensor/accumulate_product.hpp"

#include "core/tensor/pieces.hpp"

namespace sluice {

void accumulate_product(const at::Tensor& sum, const at::Tensor& lhs, const at::Tensor& rhs, double beta, Workspaces* workspaces) {
  if (lhs.size(0) == 0) {
    if (beta == 0.0) sum.zero_();
    return;
  }
  at::Tensor matrix = sum.view({lhs.size(1), rhs.size(1)});
  if (lhs.scalar_type() == sum.scalar_type()) {
    at::addmm_out(matrix, matrix, lhs.t(), rhs, beta, 1.0);
    return;
  }
  const Workspace memory = borrow(workspaces, matrix.sizes(), lhs.options());
  at::Tensor product = *memory;
  at::mm_out(product, lhs.t(), rhs);
  if (beta == 0.0) matrix.copy_(product);
  else for_each_piece(matrix, product, [](at::Tensor to, const at::Tensor& from) { to.add_(from); });
}

}  // namespace sluice
