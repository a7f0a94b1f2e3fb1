#include "core/nn/gradient.hpp"

#include "core/tensor/accumulate_product.hpp"

#include <utility>

namespace sluice {
namespace {

thread_local std::optional<RecomputePass> recomputed_in;

}  // namespace

RecomputedUses::RecomputedUses(RecomputePass pass) : before_(std::exchange(recomputed_in, pass)) {}
RecomputedUses::~RecomputedUses() { recomputed_in = before_; }
bool RecomputedUses::in_first_pass() { return recomputed_in == RecomputePass::kFirst; }

void Gradient::place(at::Tensor buffer, std::shared_ptr<Workspaces> workspaces) {
  sum_ = std::move(buffer);
  workspaces_ = std::move(workspaces);
  anchor_ = at::zeros({}, sum_.options()).set_requires_grad(true);
  clear();
}

void Gradient::clear() {
  written_ = false;
  opened_ = 0;
  done_->store(0, std::memory_order_relaxed);
}

at::Tensor Gradient::open_use() {
  if (recomputed_in != RecomputePass::kSecond) ++opened_;
  return anchor_;
}

void Gradient::close() {
  if (begin() == 0.0) sum_.zero_();
  done_->store(opened_, std::memory_order_release);
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
  accumulate_product(gradient_.sum_, lhs, rhs, gradient_.begin(), gradient_.workspaces());
}

}  // namespace sluice
