#include "core/optim/adamw.hpp"

#include "core/base/error.hpp"
#include "core/nn/tensor_part.hpp"
#include "core/optim/owned_update.hpp"

namespace sluice {

double AdamWConfig::rate_factor(RateGroup group) const {
  switch (group) {
    case RateGroup::kRouter: return router_rate_factor;
    case RateGroup::kExpert: return expert_rate_factor;
    case RateGroup::kOther: break;
  }
  return 1.0;
}

AdamW::AdamW(const ParameterSet& parameters)
    : AdamW(parameters, parameters.plan(Replication::kWorld).owned(), parameters.plan(Replication::kExpert).owned()) {}

AdamW::AdamW(const ParameterSet& parameters, const ElementRange& dense, const ElementRange& expert) {
  const auto zeros = [&](Replication replication, const ElementRange& owned) {
    const ElementRange whole = parameters.plan(replication).whole();
    if (intersection(whole, owned) != owned)
      throw usage_error("elements {} to {} cannot be owned of a buffer of {}", owned.begin, owned.end, whole.end);
    const at::TensorOptions options = parameters.buffers(replication).value.options();
    return Moments{owned, at::zeros({owned.count()}, options), at::zeros({owned.count()}, options)};
  };
  dense_ = zeros(Replication::kWorld, dense);
  expert_ = zeros(Replication::kExpert, expert);
  for (const Parameter* p : parameters.all()) {
    updates_.emplace_back();
    if (p->gradient.placed()) updates_.back().resize(p->leaves.size());
  }
}

void AdamW::step(ParameterSet& parameters, const AdamWConfig& config, double learning_rate, const ops::AdamwControl& control) {
  ++steps_;
  for (const Replication replication : {Replication::kWorld, Replication::kExpert}) {
    const Moments& mine = moments(replication);
    const ParameterSet::Buffers& buffers = parameters.buffers(replication);
    OwnedUpdate update(mine.owned,
                       {part(buffers.value, mine.owned), part(buffers.gradient, mine.owned), mine.exp_avg, mine.exp_avg_sq,
                        buffers.compute.defined() ? part(buffers.compute, mine.owned) : at::Tensor()},
                       control);
    for (std::size_t i = 0; i < updates_.size(); ++i) {
      const Parameter& p = *parameters.all()[i];
      if (!p.gradient.placed() || p.replication != replication) continue;
      const double decay = p.decay ? config.weight_decay : 0.0;
      const double rate = learning_rate * config.rate_factor(p.rate_group);
      const ops::AdamwStep numbers{rate, config.beta1, config.beta2, config.eps, decay, 1.0, 1.0, 1.0};
      const std::int64_t first = parameters.range_of(p).begin;
      for (std::size_t k = 0; k < p.leaves.size(); ++k) {
        updates_[i][k].count_update();
        update.add(first, p.leaves[k], updates_[i][k], numbers);
      }
    }
    update.finish();
    if (mine.owned == parameters.plan(replication).whole()) parameters.compute_is_current(replication);
  }
}

}  // namespace sluice
