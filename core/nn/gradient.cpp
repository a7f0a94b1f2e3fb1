#include "core/nn/gradient.hpp"

#include "core/tensor/pieces.hpp"

namespace sluice {

void Gradient::place(at::Tensor buffer) {
  sum_ = std::move(buffer);
  anchor_ = at::zeros({}, sum_.options()).set_requires_grad(true);
  clear();
}

void Gradient::clear() {
  written_ = false;
  opened_ = 0;
  done_->store(0, std::memory_order_relaxed);
}

at::Tensor Gradient::open_use() {
  ++opened_;
  return anchor_;
}

void Gradient::close() {
  if (begin() == 0.0) sum_.zero_();
}

double Gradient::begin() {
  const double beta = written_ ? 1.0 : 0.0;
  written_ = true;
  return beta;
}

void GradientWriter::add(const at::Tensor& g) {
  at::NoGradGuard no_grad;
  const at::Tensor& sum = gradient_.sum_;
  if (gradient_.begin() == 0.0) sum.copy_(g.view_as(sum));
  else sum.add_(g.view_as(sum));
}

void GradientWriter::add_product(const at::Tensor& lhs, const at::Tensor& rhs) {
  at::NoGradGuard no_grad;
  accumulate_product(gradient_.sum_, lhs, rhs, gradient_.begin());
}

void GradientWriter::begin_slices(const std::vector<std::int64_t>& rows) {
  slices_beta_ = gradient_.begin();
  if (slices_beta_ != 0.0) return;
  for (std::size_t slice = 0; slice < rows.size(); ++slice) {
    if (rows[slice] == 0) gradient_.sum_.select(0, static_cast<std::int64_t>(slice)).zero_();
  }
}

void GradientWriter::add_to_slice(std::int64_t slice, const at::Tensor& lhs, const at::Tensor& rhs) {
  accumulate_product(gradient_.sum_.select(0, slice), lhs, rhs, slices_beta_);
}

void accumulate_product(const at::Tensor& sum, const at::Tensor& lhs, const at::Tensor& rhs, double beta) {
  if (lhs.size(0) == 0) {
    if (beta == 0.0) sum.zero_();
    return;
  }
  at::Tensor matrix = sum.view({lhs.size(1), rhs.size(1)});
  if (lhs.scalar_type() == sum.scalar_type()) at::addmm_out(matrix, matrix, lhs.t(), rhs, beta, 1.0);
  else if (beta == 0.0) matrix.copy_(at::mm(lhs.t(), rhs));
  else for_each_piece(matrix, at::mm(lhs.t(), rhs), [](at::Tensor to, const at::Tensor& from) { to.add_(from); });
}

}  // namespace sluice
