#include "parallel/gradient_reduction.hpp"

#include "core/base/integers.hpp"
#include "core/ops/reduce.hpp"
#include "core/tensor/dtype_map.hpp"
#include "core/tensor/host_memory.hpp"
#include "parallel/tensor_sums.hpp"

#include <algorithm>
#include <deque>

namespace sluice::parallel {
namespace {

constexpr std::int64_t kBucketBytes = std::int64_t{16} << 20;
// A bucket under way has receive buffers of up to half its size (of all of it in groups of 32 ranks and more). With four buckets, one can
// be received, one added up and one sent back while the thread of the step starts the next.
constexpr std::size_t kBucketsUnderWay = 4;

// The reductions under way, in the order in which they were started. Before there are too many, the oldest is waited for.
class Window {
 public:
  void start(at::Tensor& flat, Communicator& group, const char* operation, std::int64_t step) {
    if (group.size() == 1) return;
    const std::int64_t bucket = kBucketBytes / static_cast<std::int64_t>(flat.element_size());
    for (std::int64_t begin = 0; begin < flat.numel(); begin += bucket) {
      if (under_way_.size() == kBucketsUnderWay) finish_oldest();
      const std::int64_t count = std::min(bucket, flat.numel() - begin);
      const HostMemory memory = to_host(flat.narrow(0, begin, count));
      under_way_.push_back(
          {memory, group.start_all_reduce(memory.bytes().data(), static_cast<std::size_t>(count), from_torch(flat.scalar_type()),
                                          ReduceOp::kSum, {operation, step, "", "backward"})});
    }
  }
  void finish() {
    while (!under_way_.empty()) finish_oldest();
  }

 private:
  void finish_oldest() {
    under_way_.front().handle.finish();
    under_way_.front().memory.give_back();
    under_way_.pop_front();
  }

  // The handle is the last member and is therefore destroyed first: an unfinished operation ends before its memory is freed.
  struct Bucket {
    HostMemory memory;
    Handle handle;
  };
  std::deque<Bucket> under_way_;
};

}  // namespace

void reduce_gradients(ParameterSet& parameters, Communicator& world, Communicator& replicas, std::int64_t step) {
  parameters.close_gradients();
  Window window;
  window.start(parameters.dense_gradient(), world, "reduce dense gradients", step);
  window.start(parameters.expert_gradient(), replicas, "reduce expert gradients", step);
  window.finish();
}

std::int64_t reduction_buffer_bytes(std::int64_t dense_bytes, const Communicator& world, std::int64_t expert_bytes,
                                    const Communicator& replicas) {
  // An upper bound: every bucket under way is counted with the buffers of the largest one.
  std::int64_t buckets = 0, largest = 0;
  const auto add = [&](std::int64_t bytes, const Communicator& group) {
    if (group.size() == 1) return;
    buckets += ceil_div(bytes, kBucketBytes);
    const auto bucket = static_cast<std::size_t>(std::min(bytes, kBucketBytes));
    largest = std::max(largest, static_cast<std::int64_t>(group.all_reduce_buffer_bytes(bucket)));
  };
  add(dense_bytes, world);
  add(expert_bytes, replicas);
  return std::min(buckets, static_cast<std::int64_t>(kBucketsUnderWay)) * largest;
}

at::Tensor gradient_norm(ParameterSet& parameters, Communicator& expert_group, std::int64_t step) {
  const at::Tensor experts = ops::square_sum(parameters.packed_gradient(Replication::kExpert));
  sum_over(expert_group, experts, {"gradient norm", step, "", "backward"});
  return (ops::square_sum(parameters.packed_gradient(Replication::kWorld)) + experts).sqrt();
}

}  // namespace sluice::parallel
