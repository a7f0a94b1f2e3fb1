#include "recipes/stages/objective.hpp"

namespace sluice::recipes {

at::Tensor TermScale::times(const at::Tensor& sum) const {
  const at::Tensor mean = sum * inverse_count;
  return coefficient == 1.0 ? mean : mean * coefficient;
}

StepReport::StepReport(const std::vector<std::string>& names) {
  for (const std::string& name : names) sums_.emplace(name, at::Tensor());
}

void StepReport::add(const std::string& name, const at::Tensor& value) {
  at::Tensor& sum = sums_.at(name);
  const at::Tensor number = value.detach().to(at::kDouble);
  sum = sum.defined() ? sum + number : number;
}

std::map<std::string, double> StepReport::reduce(parallel::Communicator& world, std::int64_t step) const {
  std::vector<double> values;
  for (const auto& [name, sum] : sums_) values.push_back(sum.defined() ? sum.item<double>() : 0.0);
  world.start_all_reduce(values.data(), values.size(), DType::kFloat64, parallel::ReduceOp::kSum, {"loss", step, "", "backward"}).finish();
  std::map<std::string, double> report;
  for (const auto& [name, sum] : sums_) report.emplace(name, values[report.size()]);
  return report;
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
