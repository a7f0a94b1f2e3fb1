#include "recipes/stages/objective.hpp"

#include "parallel/tensor_sums.hpp"

#include <algorithm>
#include <utility>

namespace sluice::recipes {

at::Tensor TermScale::times(const at::Tensor& sum) const {
  const at::Tensor mean = sum * inverse_count;
  return coefficient == 1.0 ? mean : mean * coefficient;
}

StepReport::StepReport(std::vector<std::string> names) : names_(std::move(names)), sums_(names_.size()) {}

void StepReport::add(const std::string& name, const at::Tensor& value) {
  at::Tensor& sum = sums_.at(static_cast<std::size_t>(std::find(names_.begin(), names_.end(), name) - names_.begin()));
  const at::Tensor number = value.detach().to(at::kDouble);
  sum = sum.defined() ? sum + number : number;
}

at::Tensor StepReport::reduce(parallel::Communicator& world, at::Device device, std::int64_t step) const {
  const at::TensorOptions options = at::TensorOptions(at::kDouble).device(device);
  at::Tensor all = at::zeros({static_cast<std::int64_t>(sums_.size())}, options);
  for (std::size_t i = 0; i < sums_.size(); ++i)
    if (sums_[i].defined()) all.select(0, static_cast<std::int64_t>(i)).copy_(sums_[i]);
  parallel::sum_over(world, all, {"loss", step, "", "backward"});
  return all;
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
