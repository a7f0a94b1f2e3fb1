#include "core/optim/adamw.hpp"

#include "core/kernels/adamw.hpp"
#include "core/tensor/pointers.hpp"

namespace sluice {
namespace {

// One parameter's elements from some offset on.
template <class A>
struct Elements {
  A* value;
  const A* grad;
  A *exp_avg, *exp_avg_sq;
};

template <class A>
void update_slices(const Elements<A>& at, const Leaf& leaf, const UpdateCounts& counts, const kernels::AdamwStep& numbers) {
  const std::int64_t rows = leaf.shape[0], columns = leaf.count() / rows;
  const auto update = counts.dim() == 0 ? kernels::adamw_step_by_row<A> : kernels::adamw_step_by_column<A>;
  update(at.value, at.grad, at.exp_avg, at.exp_avg_sq, rows, columns, counts.updates().data(), numbers);
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
    const kernels::AdamwStep numbers{rate, config.beta1, config.beta2, config.eps, decay, 1.0, 1.0, gradient_scale};
    SLUICE_DISPATCH(p.value.scalar_type(), [&] {
      const Moments& moments = moments_[i];
      const Elements<A> all{data_of<A>(p.value), data_of<const A>(p.gradient.sum()), data_of<A>(moments.exp_avg), data_of<A>(moments.exp_avg_sq)};
      for (std::size_t begin = 0, end = 0; begin < counts.size(); begin = end) {
        const std::int64_t first = p.leaves[begin].offset;
        const Elements<A> at{all.value + first, all.grad + first, all.exp_avg + first, all.exp_avg_sq + first};
        end = begin + 1;
        if (!counts[begin].whole()) {
          update_slices(at, p.leaves[begin], counts[begin], numbers);
          continue;
        }
        // Leaves of one count lie side by side and are one range.
        while (end < counts.size() && counts[end] == counts[begin]) ++end;
        const std::int64_t last = p.leaves[end - 1].offset + p.leaves[end - 1].count();
        kernels::adamw_step(at.value, at.grad, at.exp_avg, at.exp_avg_sq, last - first, kernels::corrected(numbers, counts[begin].updates()[0]));
      }
    });
  }
}

}  // namespace sluice
