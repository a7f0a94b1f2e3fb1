#include "core/nn/parameter.hpp"

#include "core/base/error.hpp"
#include "core/tensor/dtype_map.hpp"
#include "core/tensor/pieces.hpp"

#include <numeric>

namespace sluice {

std::int64_t Leaf::count() const { return std::accumulate(shape.begin(), shape.end(), std::int64_t{1}, std::multiplies<>()); }

Parameter Parameter::make(std::string name, std::vector<std::int64_t> shape, const at::TensorOptions& options, std::vector<Leaf> leaves) {
  Parameter p;
  p.value = at::zeros(shape, accumulate_options(options));
  p.leaves = leaves.empty() ? std::vector<Leaf>{{name, 0, shape}} : std::move(leaves);
  p.name = std::move(name);
  std::int64_t covered = 0;
  for (const Leaf& leaf : p.leaves) {
    if (leaf.offset != covered)
      throw usage_error("parameter {}: leaf {} starts at {}, expected {}", p.name, leaf.name, leaf.offset, covered);
    covered += leaf.count();
  }
  if (covered != p.value.numel()) throw usage_error("parameter {}: leaves cover {} of {} elements", p.name, covered, p.value.numel());
  p.refresh_compute(type_of(options));
  return p;
}

Parameter Parameter::of(const ModelTensor& tensor, const at::TensorOptions& options) {
  return make(name_of(tensor.id), tensor.shape, options);
}

Parameter Parameter::of_rows(std::string name, const std::vector<ModelTensor>& tensors, const at::TensorOptions& options) {
  std::vector<Leaf> leaves;
  std::int64_t rows = 0;
  for (const ModelTensor& tensor : tensors) {
    leaves.push_back({name_of(tensor.id), rows * tensor.shape[1], tensor.shape});
    rows += tensor.shape[0];
  }
  return make(std::move(name), {rows, tensors.front().shape[1]}, options, std::move(leaves));
}

at::Tensor Parameter::open_use() {
  const bool counts = at::GradMode::is_enabled() || RecomputedUses::in_first_pass();
  if (counts && gradient.placed()) return gradient.open_use();
  static const at::Tensor unused = at::zeros({});
  return unused;
}

void Parameter::move_value(at::Tensor place) {
  at::NoGradGuard no_grad;
  place.copy_(value);
  if (compute.is_same(value)) compute = place;
  value = std::move(place);
  forms.clear();
}

void Parameter::place_compute(at::Tensor place) {
  compute_memory = std::move(place);
  forms.clear();
  refresh_compute(at::kBFloat16);
}

void Parameter::compute_is_current() {
  if (compute_memory.defined() && compute.is_same(compute_memory)) forms.made("compute", version());
}

void Parameter::refresh_compute(at::ScalarType type) {
  at::NoGradGuard no_grad;
  const at::ScalarType product = product_type(type, value.device());
  if (type == value.scalar_type() || compute.scalar_type() != product) forms.clear();
  if (type == value.scalar_type()) {
    compute = value;
    return;
  }
  compute = forms.get("compute", version(), [&](at::Tensor& form) {
    if (!form.defined())
      form =
          product == at::kBFloat16 && compute_memory.defined() ? compute_memory : at::empty(value.sizes(), value.options().dtype(product));
    for_each_piece(form, value, [type](at::Tensor to, const at::Tensor& from) { to.copy_(from.to(type)); });
  });
}

at::Tensor Parameter::view(const at::Tensor& whole, const Leaf& leaf) const {
  return whole.view({-1}).narrow(0, leaf.offset, leaf.count()).view(leaf.shape);
}

}  // namespace sluice
