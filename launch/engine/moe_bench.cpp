#include "launch/engine/moe_bench.hpp"

#include "core/base/clock.hpp"
#include "core/nn/swiglu.hpp"
#include "core/tensor/cuda_device.hpp"
#include "core/tensor/dtype_map.hpp"
#include "core/tensor/host_integers.hpp"
#include "moe/moe_feed_forward.hpp"
#include "recipes/stages/train_model.hpp"

#include <c10/core/Allocator.h>
#include <c10/util/ThreadLocalDebugInfo.h>

#include <algorithm>
#include <memory>
#include <vector>

namespace sluice {
namespace {

constexpr std::int64_t kWarmUp = 3;

// Stands in for LibTorch's profiler on one thread: the allocator reports to it every block taken (positive) and freed (negative).
struct Balance : c10::MemoryReportingInfoBase {
  std::int64_t bytes = 0;
  void reportMemoryUsage(void*, std::int64_t size, std::size_t, std::size_t, c10::Device) override { bytes += size; }
  bool memoryProfilingEnabled() const override { return true; }
};

double quantile(std::vector<double> values, double part) {
  std::sort(values.begin(), values.end());
  return values[static_cast<std::size_t>(part * static_cast<double>(values.size() - 1) + 0.5)];
}

at::Tensor drawn(std::vector<std::int64_t> shape, const char* name, const at::TensorOptions& options) {
  const at::Tensor values = at::empty(shape, accumulate_options(options));
  recipes::fill_normal(values, 5, name, 1.0);
  return values.to(type_of(options));
}

// A layer to measure, with random weights and with memory for its gradients.
class Subject {
 public:
  Subject(FeedForward& layer, at::ScalarType type) : layer_(layer) {
    std::vector<Parameter*> all;
    layer.collect(all);
    parameters_ = ParameterSet(all);
    for (Parameter* p : all) {
      recipes::fill_normal(p->value.dim() == 3 ? p->value.view({-1, p->value.size(2)}) : p->value, 3, p->name, 0.05);
      p->refresh_compute(type);
    }
  }

  double seconds(const at::Tensor& x, const at::Tensor& dy, const RowTable& rows) {
    const at::Tensor input = x.detach().set_requires_grad(true);
    parameters_.clear_gradients();
    wait_for(x.device());
    const Stopwatch watch;
    layer_.forward(input, rows, {0, "forward"}).y.backward(dy);
    wait_for(x.device());
    return watch.seconds();
  }

  double kept_bytes_per_token(const at::Tensor& x, const RowTable& rows) {
    const at::Tensor input = x.detach().set_requires_grad(true);
    SlotOutput output;
    const std::int64_t bytes = bytes_kept_by([&] { output = layer_.forward(input, rows, {0, "forward"}); });
    return static_cast<double>(bytes - static_cast<std::int64_t>(output.y.nbytes())) / static_cast<double>(rows.rows());
  }

  // Rows of the expert with the most rows / mean rows of an expert. Only for a sparse layer.
  double fullest_expert(const at::Tensor& x, const RowTable& rows) {
    const at::NoGradGuard no_grad;
    const std::vector<std::int64_t> counts = integers_of(layer_.forward(x, rows, {0, "forward"}).statistics->expert_counts);
    std::int64_t sum = 0;
    for (const std::int64_t count : counts) sum += count;
    const std::int64_t fullest = *std::max_element(counts.begin(), counts.end());
    return static_cast<double>(fullest) * static_cast<double>(counts.size()) / static_cast<double>(sum);
  }

 private:
  FeedForward& layer_;
  ParameterSet parameters_;
};

}  // namespace

std::int64_t bytes_kept_by(const std::function<void()>& work) {
  const auto balance = std::make_shared<Balance>();
  const c10::DebugInfoGuard guard(c10::DebugInfoKind::PROFILER_STATE, balance);
  work();
  return balance->bytes;
}

MoeBenchResult bench_moe(const MoeBenchShape& shape, std::int64_t repeats, at::Device device) {
  const at::ScalarType type = to_torch(shape.dtype);
  const at::TensorOptions options = at::TensorOptions(type).device(device);
  moe::MoeConfig config;
  config.num_experts = shape.num_experts;
  config.top_k = shape.top_k;
  config.expert_hidden_size = shape.expert_hidden_size;
  config.layers = {0};
  moe::MoeFeedForward moe_layer("layers.0.feed_forward", "layers.0", config, shape.hidden_size, {},
                                parallel::make_exchange(parallel::ExchangeKind::kLocal), options);
  DenseFeedForward dense_layer(
      swiglu_tensors({"layers.0", TensorPart::kFeedForward}, shape.hidden_size, shape.top_k * shape.expert_hidden_size), options);
  Subject sparse(moe_layer, type), dense(dense_layer, type);
  const at::Tensor x = drawn({shape.rows, shape.hidden_size}, "x", options), dy = drawn({shape.rows, shape.hidden_size}, "dy", options);
  const RowTable rows({shape.rows}, {0}, device);

  std::vector<double> sparse_seconds, dense_seconds, ratios;
  for (std::int64_t round = -kWarmUp; round < repeats; ++round) {
    double s = 0.0, d = 0.0;
    // The layer that runs second finds the caches as the first one left them, so the two take turns in going first.
    if (round % 2 == 0) d = dense.seconds(x, dy, rows);
    s = sparse.seconds(x, dy, rows);
    if (round % 2 != 0) d = dense.seconds(x, dy, rows);
    if (round < 0) continue;
    sparse_seconds.push_back(s);
    dense_seconds.push_back(d);
    ratios.push_back(d / s);
  }
  MoeBenchResult result;
  result.moe_seconds = quantile(sparse_seconds, 0.5);
  result.dense_seconds = quantile(dense_seconds, 0.5);
  result.ratio = quantile(ratios, 0.5);
  result.lower_quartile = quantile(ratios, 0.25);
  result.upper_quartile = quantile(ratios, 0.75);
  result.moe_kept_bytes_per_token = sparse.kept_bytes_per_token(x, rows);
  result.dense_kept_bytes_per_token = dense.kept_bytes_per_token(x, rows);
  result.fullest_expert = sparse.fullest_expert(x, rows);
  return result;
}

}  // namespace sluice
