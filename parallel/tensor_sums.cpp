#include "parallel/tensor_sums.hpp"

#include "core/tensor/dtype_map.hpp"
#include "core/tensor/host_memory.hpp"

namespace sluice::parallel {

void sum_over(Communicator& group, const at::Tensor& values, const OperationLabel& label) {
  if (group.size() == 1) return;
  const HostMemory memory = to_host(values);
  group
      .start_all_reduce(memory.bytes().data(), static_cast<std::size_t>(values.numel()), from_torch(values.scalar_type()), ReduceOp::kSum,
                        label)
      .finish();
  memory.give_back();
}

}  // namespace sluice::parallel
