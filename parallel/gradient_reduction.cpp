#include "parallel/gradient_reduction.hpp"

#include "core/kernels/reduce.hpp"
#include "core/tensor/dtype_map.hpp"
#include "core/tensor/pointers.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

namespace sluice::parallel {
namespace {

constexpr std::int64_t kBucketBytes = std::int64_t{16} << 20;

void start_buckets(at::Tensor& flat, Communicator& group, const char* operation, std::int64_t step, std::vector<Handle>& handles) {
  if (group.size() == 1) return;
  const std::int64_t bucket = kBucketBytes / static_cast<std::int64_t>(flat.element_size());
  for (std::int64_t begin = 0; begin < flat.numel(); begin += bucket) {
    const std::int64_t count = std::min(bucket, flat.numel() - begin);
    at::Tensor part = flat.narrow(0, begin, count);
    handles.push_back(group.start_all_reduce(bytes_of(part).data(), static_cast<std::size_t>(count), from_torch(flat.scalar_type()), ReduceOp::kSum,
                                             {operation, step, -1, "backward"}));
  }
}

double squares(const at::Tensor& flat) {
  return SLUICE_DISPATCH(flat.scalar_type(), [&]() -> double { return kernels::sum_of_squares(data_of<const A>(flat), flat.numel()); });
}

}  // namespace

void reduce_gradients(ParameterSet& parameters, Communicator& world, Communicator& replicas, std::int64_t step) {
  parameters.fill_missing_gradients();
  std::vector<Handle> handles;
  start_buckets(parameters.dense_gradient(), world, "reduce dense gradients", step, handles);
  start_buckets(parameters.expert_gradient(), replicas, "reduce expert gradients", step, handles);
  for (Handle& handle : handles) handle.finish();
}

double gradient_norm(ParameterSet& parameters, Communicator& expert_group, std::int64_t step) {
  double experts = squares(parameters.expert_gradient());
  expert_group.start_all_reduce(&experts, 1, DType::kFloat64, ReduceOp::kSum, {"gradient norm", step, -1, "backward"}).finish();
  return std::sqrt(squares(parameters.dense_gradient()) + experts);
}

}  // namespace sluice::parallel
