#include "core/nn/parameter.hpp"

#include "core/base/error.hpp"
#include "core/tensor/dtype_map.hpp"

#include <algorithm>
#include <numeric>

namespace sluice {
namespace {

// Work on two contiguous tensors of as many elements that makes copies of what it works on: small ones.
template <class Work>
void for_each_piece(const at::Tensor& to, const at::Tensor& from, const Work& work) {
  constexpr std::int64_t kPiece = std::int64_t{1} << 18;
  const at::Tensor flat_to = to.view({-1}), flat_from = from.view({-1});
  for (std::int64_t begin = 0; begin < flat_to.numel(); begin += kPiece) {
    const std::int64_t count = std::min(kPiece, flat_to.numel() - begin);
    work(flat_to.narrow(0, begin, count), flat_from.narrow(0, begin, count));
  }
}

}  // namespace

std::int64_t Leaf::count() const {
  return std::accumulate(shape.begin(), shape.end(), std::int64_t{1}, std::multiplies<>());
}

Parameter Parameter::make(std::string name, std::vector<std::int64_t> shape, at::ScalarType type, std::vector<Leaf> leaves) {
  Parameter p;
  p.value = at::zeros(shape, at::TensorOptions().dtype(accumulate_type(type)));
  p.leaves = leaves.empty() ? std::vector<Leaf>{{name, 0, shape}} : std::move(leaves);
  p.name = std::move(name);
  std::int64_t covered = 0;
  for (const Leaf& leaf : p.leaves) {
    if (leaf.offset != covered) throw usage_error("parameter {}: leaf {} starts at {}, expected {}", p.name, leaf.name, leaf.offset, covered);
    covered += leaf.count();
  }
  if (covered != p.value.numel()) throw usage_error("parameter {}: leaves cover {} of {} elements", p.name, covered, p.value.numel());
  p.refresh_compute(type);
  return p;
}

double Parameter::begin_gradient() {
  const double beta = grad_written ? 1.0 : 0.0;
  grad_written = true;
  return beta;
}

at::Tensor& Parameter::accumulated_gradient() {
  if (begin_gradient() == 0.0) grad.zero_();
  return grad;
}

void Parameter::add_product_gradient(const at::Tensor& lhs, const at::Tensor& rhs) {
  at::NoGradGuard no_grad;
  const double beta = begin_gradient();
  if (lhs.size(0) == 0) {
    if (beta == 0.0) grad.zero_();
    return;
  }
  if (lhs.scalar_type() == grad.scalar_type()) {
    at::Tensor view = grad.view({lhs.size(1), rhs.size(1)});
    at::addmm_out(view, view, lhs.t(), rhs, beta, 1.0);
  } else {
    // Native bfloat16 products: one rounding of this micro-batch's gradient, then float32 accumulation.
    const at::Tensor product = at::mm(lhs.t(), rhs);
    if (beta == 0.0) grad.copy_(product.view_as(grad));
    else accumulate_rounded(grad, product);
  }
}

void Parameter::add_gradient(const at::Tensor& g) {
  at::NoGradGuard no_grad;
  if (begin_gradient() == 0.0) grad.copy_(g.view_as(grad));
  else grad.add_(g.view_as(grad));
}

void Parameter::refresh_compute(at::ScalarType type) {
  at::NoGradGuard no_grad;
  if (type == value.scalar_type()) {
    compute = value;
    return;
  }
  const at::ScalarType product = product_type(type);
  if (!compute.defined() || compute.scalar_type() != product || compute.is_same(value))
    compute = at::empty(value.sizes(), value.options().dtype(product));
  for_each_piece(compute, value, [type](at::Tensor to, const at::Tensor& from) { to.copy_(from.to(type)); });
}

void accumulate_rounded(const at::Tensor& gradient, const at::Tensor& product) {
  for_each_piece(gradient, product, [](at::Tensor to, const at::Tensor& from) { to.add_(from); });
}

at::Tensor Parameter::view(const at::Tensor& whole, const Leaf& leaf) const {
  return whole.view({-1}).narrow(0, leaf.offset, leaf.count()).view(leaf.shape);
}

ParameterSet::ParameterSet(std::vector<Parameter*> parameters, bool with_gradients) : parameters_(std::move(parameters)) {
  if (!with_gradients) return;
  std::int64_t dense = 0, expert = 0;
  at::ScalarType type = at::kFloat;
  for (const Parameter* p : parameters_) {
    (p->replication == Replication::kWorld ? dense : expert) += p->value.numel();
    type = p->value.scalar_type();
  }
  dense_gradient_ = at::zeros({dense}, at::TensorOptions().dtype(type));
  expert_gradient_ = at::zeros({expert}, at::TensorOptions().dtype(type));
  dense = expert = 0;
  for (Parameter* p : parameters_) {
    const bool world = p->replication == Replication::kWorld;
    std::int64_t& offset = world ? dense : expert;
    p->grad = (world ? dense_gradient_ : expert_gradient_).narrow(0, offset, p->value.numel()).view(p->value.sizes());
    p->grad_written = false;
    offset += p->value.numel();
  }
}

Parameter* ParameterSet::find(const std::string& name) const {
  const auto found = std::find_if(parameters_.begin(), parameters_.end(), [&](const Parameter* p) { return p->name == name; });
  return found == parameters_.end() ? nullptr : *found;
}

void ParameterSet::clear_gradients() {
  for (Parameter* p : parameters_) p->grad_written = false;
}

void ParameterSet::fill_missing_gradients() {
  for (Parameter* p : parameters_) p->accumulated_gradient();
}

}  // namespace sluice
