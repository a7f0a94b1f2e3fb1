#include "core/optim/adamw.hpp"

#include "core/ops/adamw.hpp"

namespace sluice {
namespace {

// Elements [first, first + count) of contiguous tensors, in another shape.
ops::AdamwOperands range(const ops::AdamwOperands& whole, std::int64_t first, std::int64_t count, at::IntArrayRef shape) {
  const auto part = [&](const at::Tensor& tensor) { return tensor.view({-1}).narrow(0, first, count).view(shape); };
  return {part(whole.value), part(whole.grad), part(whole.exp_avg), part(whole.exp_avg_sq)};
}

void update_slices(const ops::AdamwOperands& whole, const Leaf& leaf, const UpdateCounts& counts, const ops::AdamwStep& numbers) {
  const std::int64_t rows = leaf.shape[0], columns = leaf.count() / rows;
  const auto update = counts.dim() == 0 ? ops::adamw_by_row : ops::adamw_by_column;
  update(range(whole, leaf.offset, leaf.count(), {rows, columns}), counts.updates(), numbers);
}

}  // namespace

double AdamWConfig::rate_factor(RateGroup group) const {
  switch (group) {
    case RateGroup::kRouter: return router_rate_factor;
    case RateGroup::kExpert: return expert_rate_factor;
    case RateGroup::kOther: break;
  }
  return 1.0;
}

AdamW::AdamW(const ParameterSet& parameters) {
  for (const Parameter* p : parameters.all()) {
    moments_.emplace_back();
    updates_.emplace_back();
    if (!p->gradient.placed()) continue;
    moments_.back() = {at::zeros_like(p->value), at::zeros_like(p->value)};
    updates_.back().resize(p->leaves.size());
  }
}

void AdamW::step(ParameterSet& parameters, const AdamWConfig& config, double learning_rate, double gradient_scale) {
  ++steps_;
  for (std::size_t i = 0; i < moments_.size(); ++i) {
    Parameter& p = *parameters.all()[i];
    if (!p.gradient.placed()) continue;
    std::vector<UpdateCounts>& counts = updates_[i];
    for (UpdateCounts& leaf : counts) leaf.count_update();
    const double decay = p.decay ? config.weight_decay : 0.0;
    const double rate = learning_rate * config.rate_factor(p.rate_group);
    const ops::AdamwStep numbers{rate, config.beta1, config.beta2, config.eps, decay, 1.0, 1.0, gradient_scale};
    const ops::AdamwOperands whole{p.value, p.gradient.sum(), moments_[i].exp_avg, moments_[i].exp_avg_sq};
    for (std::size_t begin = 0, end = 0; begin < counts.size(); begin = end) {
      end = begin + 1;
      if (!counts[begin].whole()) {
        update_slices(whole, p.leaves[begin], counts[begin], numbers);
        continue;
      }
      // Leaves of one count lie side by side and are one range.
      while (end < counts.size() && counts[end] == counts[begin]) ++end;
      const std::int64_t first = p.leaves[begin].offset, count = p.leaves[end - 1].offset + p.leaves[end - 1].count() - first;
      ops::adamw(range(whole, first, count, {count}), ops::corrected(numbers, counts[begin].updates()[0]));
    }
  }
}

}  // namespace sluice
