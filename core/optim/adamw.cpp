#include "core/optim/adamw.hpp"

#include "core/kernels/adamw.hpp"
#include "core/tensor/pointers.hpp"

#include <cmath>

namespace sluice {

AdamW::AdamW(const ParameterSet& parameters) {
  for (const Parameter* p : parameters.all()) moments_.push_back({at::zeros_like(p->value), at::zeros_like(p->value)});
}

void AdamW::step(ParameterSet& parameters, const AdamWConfig& config, double learning_rate, double gradient_scale) {
  ++steps_;
  const double correction1 = 1.0 - std::pow(config.beta1, static_cast<double>(steps_));
  const double correction2 = 1.0 - std::pow(config.beta2, static_cast<double>(steps_));
  for (std::size_t i = 0; i < moments_.size(); ++i) {
    Parameter& p = *parameters.all()[i];
    if (p.value.numel() == 0) continue;
    SLUICE_DISPATCH(p.value.scalar_type(), [&] {
      kernels::adamw_step(data_of<A>(p.value), data_of<const A>(p.grad), data_of<A>(moments_[i].exp_avg), data_of<A>(moments_[i].exp_avg_sq),
                          p.value.numel(), learning_rate, config.beta1, config.beta2, config.eps, p.decay ? config.weight_decay : 0.0, correction1,
                          correction2, gradient_scale);
    });
  }
}

}  // namespace sluice
