#include "recipes/stages/model_flops.hpp"

#include "core/base/clock.hpp"
#include "core/tensor/cuda_device.hpp"
#include "core/tensor/dtype_map.hpp"

#include <algorithm>

namespace sluice::recipes {

double flops_per_token(const DecoderConfig& config, std::int64_t active, std::int64_t seq_length) {
  std::int64_t weights = active;
  if (!config.tie_word_embeddings) weights -= config.vocab_size * config.hidden_size;
  const std::int64_t attention = config.num_layers * seq_length * config.num_attention_heads * config.head_dim;
  return 6.0 * static_cast<double>(weights) + 12.0 * static_cast<double>(attention);
}

double measure_peak_flops(parallel::Communicator& world, const at::TensorOptions& options) {
  const at::Device device = options.device();
  const std::int64_t n = device.is_cpu() ? 1024 : 8192;
  at::NoGradGuard no_grad;
  const at::Tensor a = at::ones({n, n}, options.dtype(product_type(type_of(options), device)));
  at::Tensor out = at::empty_like(a);
  at::mm_out(out, a, a);
  double together = 0.0;
  world.start_all_reduce(&together, 1, DType::kFloat64, parallel::ReduceOp::kSum, {"peak", -1, "", "start"}).finish();
  double seconds = 1e30;
  for (int i = 0; i < 5; ++i) {
    wait_for(device);
    const Stopwatch watch;
    at::mm_out(out, a, a);
    wait_for(device);
    seconds = std::min(seconds, watch.seconds());
  }
  double flops = 2.0 * static_cast<double>(n * n * n) / seconds;
  world.start_all_reduce(&flops, 1, DType::kFloat64, parallel::ReduceOp::kSum, {"peak", -1, "", "start"}).finish();
  return flops;
}

}  // namespace sluice::recipes
