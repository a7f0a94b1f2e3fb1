// The numbers that a step reports, by name: sums over its micro-batches and all ranks. They stay on the model's device until reduce().
#pragma once

#include "core/tensor/tensor.hpp"
#include "parallel/comm/communicator.hpp"

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace sluice::recipes {

class StepReport {
 public:
  /// Starts with 0 for each of `names`, which must be different and the same on every rank.
  explicit StepReport(const std::vector<std::string>& names);

  /// Adds `value`, a tensor without dimensions, in float64 to the number `name`.
  void add(const std::string& name, const at::Tensor& value);
  /// Collective: the sums over all ranks, in one message.
  std::map<std::string, double> reduce(parallel::Communicator& world, std::int64_t step) const;

 private:
  std::map<std::string, at::Tensor> sums_;  // undefined: 0
};

}  // namespace sluice::recipes
