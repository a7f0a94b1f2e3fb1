#include "tests/core/ops/forms.hpp"
#include "tests/cuda_emulation/backend.hpp"

namespace sluice::testing {

std::vector<Tensors> results_on_devices(const Operation& operation, const Tensors& operands) {
  std::vector<Tensors> runs;
  for (const EmulatedOrder order : {EmulatedOrder::kAscending, EmulatedOrder::kDescending}) {
    const Poisoned poisoned;
    const Emulated emulated(order);
    runs.push_back(operation(for_each(operands, [](const at::Tensor& tensor) { return tensor.clone(); })));
  }
  REQUIRE(runs[0].size() == runs[1].size());
  for (std::size_t i = 0; i < runs[0].size(); ++i) {
    INFO("result " << i << " with threads in another order");
    CHECK(same_bits(runs[0][i], runs[1][i]));
  }
  return {runs[0]};
}

}  // namespace sluice::testing
