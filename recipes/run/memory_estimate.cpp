#include "recipes/run/memory_estimate.hpp"

namespace sluice::recipes {

MemoryEstimate estimate_memory(const MemoryShape& shape) {
  // Doubles throughout: 64-bit integers would do for bytes, not for every product on the way.
  const double element = static_cast<double>(size_of(shape.dtype));
  const double state = shape.dtype == DType::kFloat64 ? 8 : 4;
  const double states = shape.dtype == DType::kBFloat16 ? 3 : 2;
  const double ranks = static_cast<double>(shape.expert);
  const double dense = static_cast<double>(shape.dense_parameters);
  const double experts = static_cast<double>(shape.expert_parameters) / ranks;

  MemoryEstimate bytes;
  bytes.parameters = (dense + experts) * element;
  bytes.gradients = (dense + experts) * state;
  bytes.optimizer = (dense / static_cast<double>(shape.dense_shards) + experts / static_cast<double>(shape.expert_shards)) * states * state;

  const double rows = static_cast<double>(shape.micro_batch_size) * static_cast<double>(shape.seq_length);
  const double width = static_cast<double>(shape.hidden_size);
  const double heads = static_cast<double>(shape.num_attention_heads);
  const double kv_heads = static_cast<double>(shape.num_key_value_heads);
  const double head = static_cast<double>(shape.head_dim);
  const double layers = static_cast<double>(shape.num_layers);
  const double moe_layers = static_cast<double>(shape.num_moe_layers);
  const double vocabulary = static_cast<double>(shape.vocab_size);

  const double attention = rows * element * (2 * width + (2 * heads + 2 * kv_heads) * head) + 4 * rows * heads +
                           (shape.qk_norm ? rows * element * (heads + kv_heads) * head : 0.0);
  const double dense_feed_forward = rows * element * (2 * width + 3 * static_cast<double>(shape.intermediate_size));
  const double routed = rows * static_cast<double>(shape.top_k) * element * (width + 3 * static_cast<double>(shape.expert_hidden_size));
  const double scores = 8 * rows * static_cast<double>(shape.num_experts);
  const double moe = rows * element * (2 * width + 3 * static_cast<double>(shape.shared_hidden_size)) + scores + routed;
  const double ends = rows * element * width + rows * vocabulary * (element + 4);

  bytes.activations = layers * attention + (layers - moe_layers) * dense_feed_forward + moe_layers * moe + ends;
  bytes.worst_load = (ranks - 1) * routed * moe_layers;
  return bytes;
}

}  // namespace sluice::recipes
