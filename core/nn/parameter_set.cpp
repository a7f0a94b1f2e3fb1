#include "core/nn/parameter_set.hpp"

#include <algorithm>

namespace sluice {

ParameterSet::ParameterSet(std::vector<Parameter*> parameters, bool with_gradients) : parameters_(std::move(parameters)) {
  if (!with_gradients) return;
  std::copy_if(parameters_.begin(), parameters_.end(), std::back_inserter(trained_), [](const Parameter* p) { return p->trainable; });
  std::int64_t dense = 0, expert = 0;
  for (const Parameter* p : trained_) (p->replication == Replication::kWorld ? dense : expert) += p->value.numel();
  const at::TensorOptions options = parameters_.empty() ? at::TensorOptions() : parameters_.front()->value.options();
  dense_gradient_ = at::zeros({dense}, options);
  expert_gradient_ = at::zeros({expert}, options);
  dense = expert = 0;
  for (Parameter* p : trained_) {
    const bool world = p->replication == Replication::kWorld;
    std::int64_t& offset = world ? dense : expert;
    p->gradient.place((world ? dense_gradient_ : expert_gradient_).narrow(0, offset, p->value.numel()).view(p->value.sizes()));
    offset += p->value.numel();
  }
}

Parameter* ParameterSet::find(const std::string& name) const {
  const auto found = std::find_if(parameters_.begin(), parameters_.end(), [&](const Parameter* p) { return p->name == name; });
  return found == parameters_.end() ? nullptr : *found;
}

void ParameterSet::clear_gradients() {
  for (Parameter* p : trained_) p->gradient.clear();
  complete_->store(false, std::memory_order_relaxed);
  closed_ = false;
}

void ParameterSet::close_gradients() {
  for (Parameter* p : trained_) p->gradient.close();
  closed_ = true;
}

}  // namespace sluice
