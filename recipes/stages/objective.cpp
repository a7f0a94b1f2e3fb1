#include "recipes/stages/objective.hpp"

namespace sluice::recipes {

at::Tensor TermScale::times(const at::Tensor& sum) const {
  const at::Tensor mean = sum * inverse_count;
  return coefficient == 1.0 ? mean : mean * coefficient;
}

std::vector<std::string> Objective::names() const {
  std::vector<std::string> names;
  for (const auto& term : terms) names.push_back(term->name());
  return names;
}

at::Tensor objective_share(const Objective& objective, const Pass& pass, StepReport& report) {
  at::Tensor sum;
  for (const auto& term : objective.terms) {
    const std::int64_t count = term->count(pass.totals);
    if (count == 0) continue;
    const at::Tensor share = term->share(pass, {term->coefficient(), 1.0 / static_cast<double>(count)}, report);
    if (!share.defined()) continue;
    sum = sum.defined() ? sum + share.to(sum.scalar_type()) : share;
  }
  return sum;
}

}  // namespace sluice::recipes
