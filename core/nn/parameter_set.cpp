#include "core/nn/parameter_set.hpp"

#include "core/nn/tensor_part.hpp"

#include <algorithm>

namespace sluice {

ParameterSet::ParameterSet(std::vector<Parameter*> parameters, bool with_gradients, const Holders& holders)
    : parameters_(std::move(parameters)) {
  if (!with_gradients) return;
  std::copy_if(parameters_.begin(), parameters_.end(), std::back_inserter(trained_), [](const Parameter* p) { return p->trainable; });
  const at::TensorOptions options = parameters_.empty() ? at::TensorOptions() : parameters_.front()->value.options();
  dense_.plan = FlatPlan(options.dtype().itemsize(), holders.dense);
  expert_.plan = FlatPlan(options.dtype().itemsize(), holders.expert);
  for (const Parameter* p : trained_) ranges_.emplace(p, class_of(p->replication).plan.place(p->value.numel()));
  // Values first: their old memory is free by the time there are gradients.
  for (Class* each : {&dense_, &expert_}) each->buffers.value = at::empty({each->plan.whole().count()}, options);
  move_values();
  for (Class* each : {&dense_, &expert_}) each->buffers.gradient = at::zeros({each->plan.whole().count()}, options);
  place_gradients();
  place_compute();
}

void ParameterSet::place_compute() {
  const auto is_copy = [](const Parameter* p) { return p->compute.scalar_type() == at::kBFloat16 && p->value.scalar_type() == at::kFloat; };
  if (trained_.empty() || !std::all_of(trained_.begin(), trained_.end(), is_copy)) return;
  for (Class* each : {&dense_, &expert_})
    each->buffers.compute = at::zeros({each->plan.whole().count()}, each->buffers.value.options().dtype(at::kBFloat16));
  for (Parameter* p : trained_) p->place_compute(part(buffers(p->replication).compute, range_of(*p)).view(p->value.sizes()));
}

void ParameterSet::compute_is_current(Replication replication) {
  if (!buffers(replication).compute.defined()) return;
  for (Parameter* p : trained_)
    if (p->replication == replication) p->compute_is_current();
}

// One by one, each old value going as soon as it is copied. Memory of the buffers that was not written yet takes no pages.
void ParameterSet::move_values() {
  for (const Replication replication : {Replication::kWorld, Replication::kExpert}) {
    const Class& of = class_of(replication);
    std::int64_t filled = 0;
    const auto zero_up_to = [&](std::int64_t begin) { part(of.buffers.value, {filled, begin}).zero_(); };
    for (Parameter* p : trained_) {
      if (p->replication != replication) continue;
      const ElementRange& range = range_of(*p);
      zero_up_to(range.begin);
      p->move_value(part(of.buffers.value, range).view(p->value.sizes()));
      filled = range.end;
    }
    zero_up_to(of.plan.whole().end);
  }
}

void ParameterSet::place_gradients() {
  for (Class* each : {&dense_, &expert_}) each->gradient_content = part(each->buffers.gradient, each->plan.content());
  const auto workspaces = std::make_shared<Workspaces>();
  for (Parameter* p : trained_) p->gradient.place(part(buffers(p->replication).gradient, range_of(*p)).view(p->value.sizes()), workspaces);
}

at::Tensor ParameterSet::packed_gradient(Replication replication) const {
  const Class& of = class_of(replication);
  std::vector<at::Tensor> gradients;
  std::int64_t count = 0;
  for (const Parameter* p : trained_) {
    if (p->replication != replication) continue;
    gradients.push_back(p->gradient.sum().view({-1}));
    count += gradients.back().numel();
  }
  return count == of.plan.content().count() ? of.gradient_content : at::cat(gradients);
}

void ParameterSet::clear_gradients() {
  for (Parameter* p : trained_) p->gradient.clear();
  complete_->store(false, std::memory_order_relaxed);
}

void ParameterSet::close_gradients() {
  for (Parameter* p : trained_) p->gradient.close();
}

}  // namespace sluice
