#include "recipes/run/memory_estimate.hpp"

#include "tests/support/catch.hpp"

using namespace sluice;
using namespace sluice::recipes;

namespace {

MemoryShape shape() {
  MemoryShape shape;
  shape.dense_parameters = 1000;
  shape.expert_parameters = 8000;
  shape.micro_batch_size = 2;
  shape.seq_length = 5;
  shape.vocab_size = 100;
  shape.hidden_size = 16;
  shape.num_layers = 3;
  shape.num_attention_heads = 4;
  shape.num_key_value_heads = 2;
  shape.head_dim = 8;
  shape.intermediate_size = 64;
  shape.num_moe_layers = 2;
  shape.num_experts = 8;
  shape.top_k = 2;
  shape.expert_hidden_size = 32;
  return shape;
}

}  // namespace

TEST_CASE("weights, gradients and moments by type, layout and sharding") {
  MemoryShape of = shape();
  MemoryEstimate bytes = estimate_memory(of);
  CHECK(bytes.parameters == 9000 * 4);
  CHECK(bytes.gradients == 9000 * 4);
  CHECK(bytes.optimizer == 9000 * 8);
  CHECK(bytes.worst_load == 0);
  of.dtype = DType::kBFloat16;
  bytes = estimate_memory(of);
  CHECK(bytes.parameters == 9000 * 2);
  CHECK(bytes.gradients == 9000 * 4);
  CHECK(bytes.optimizer == 9000 * 12);
  of.dtype = DType::kFloat64;
  bytes = estimate_memory(of);
  CHECK(bytes.parameters == 9000 * 8);
  CHECK(bytes.optimizer == 9000 * 16);
  of.dtype = DType::kFloat32;
  of.expert = 4;
  of.dense_shards = 8;
  of.expert_shards = 2;
  bytes = estimate_memory(of);
  CHECK(bytes.parameters == 3000 * 4);
  CHECK(bytes.optimizer == 1000 * 8 / 8 + 2000 * 8 / 2);
}

TEST_CASE("activations, worked out by hand for 10 rows") {
  const MemoryShape of = shape();
  const double attention = 10 * 4 * (2 * 16 + (2 * 4 + 2 * 2) * 8) + 4 * 10 * 4;  // 5280
  const double dense = 10 * 4 * (2 * 16 + 3 * 64);                                // 8960
  const double routed = 10 * 2 * 4 * (16 + 3 * 32);                               // 8960
  const double moe = 10 * 4 * 2 * 16 + 8 * 10 * 8 + routed;                       // 10880
  const double ends = 10 * 4 * 16 + 10 * 100 * 8;                                 // 8640
  CHECK(attention == 5280);
  CHECK(estimate_memory(of).activations == 3 * attention + dense + 2 * moe + ends);
  CHECK(estimate_memory(of).activations == 3 * 5280 + 8960 + 2 * 10880 + 8640);

  MemoryShape other = of;
  other.qk_norm = true;
  CHECK(estimate_memory(other).activations == estimate_memory(of).activations + 3 * 10 * 4 * (4 + 2) * 8);
  other = of;
  other.shared_hidden_size = 32;
  CHECK(estimate_memory(other).activations == estimate_memory(of).activations + 2 * 10 * 4 * 3 * 32);
  other = of;
  other.expert = 4;
  CHECK(estimate_memory(other).worst_load == 3 * routed * 2);
  CHECK(estimate_memory(other).activations == estimate_memory(of).activations);
  other.num_moe_layers = 0;
  CHECK(estimate_memory(other).worst_load == 0);
}

TEST_CASE("a model beyond 32 bits does not overflow") {
  MemoryShape of = shape();
  of.dense_parameters = 70'000'000'000;
  of.seq_length = 1 << 20;
  of.micro_batch_size = 1 << 10;
  of.vocab_size = 1 << 18;
  const MemoryEstimate bytes = estimate_memory(of);
  CHECK(bytes.parameters > 2.8e11);
  CHECK(bytes.activations > 2e15);
  CHECK(bytes.total() == bytes.parameters + bytes.gradients + bytes.optimizer + bytes.activations);
}
