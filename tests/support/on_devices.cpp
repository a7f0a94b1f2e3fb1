#include "tests/core/ops/forms.hpp"

namespace sluice::testing {

std::vector<Tensors> results_on_devices(const Operation& operation, const Tensors& operands) {
  if (!at::hasCUDA()) return {};
  std::vector<Tensors> runs;
  for (int run = 0; run < 2; ++run) {
    const Poisoned poisoned;
    const Tensors on_device = for_each(operands, [](const at::Tensor& tensor) { return tensor.to(at::kCUDA); });
    runs.push_back(for_each(operation(on_device), [](const at::Tensor& tensor) { return tensor.cpu(); }));
  }
  REQUIRE(runs[0].size() == runs[1].size());
  for (std::size_t i = 0; i < runs[0].size(); ++i) {
    INFO("result " << i << " of a second run");
    CHECK(same_bits(runs[0][i], runs[1][i]));
  }
  return {runs[0]};
}

}  // namespace sluice::testing
