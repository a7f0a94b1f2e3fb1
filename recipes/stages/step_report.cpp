#include "recipes/stages/step_report.hpp"

namespace sluice::recipes {

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

}  // namespace sluice::recipes
