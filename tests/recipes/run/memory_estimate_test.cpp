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
  shape.loss_block_rows = 4;
  shape.hidden_size = 16;
  shape.num_layers = 3;
  shape.num_attention_heads = 4;
  shape.num_key_value_heads = 2;
  shape.head_dim = 8;
  shape.intermediate_size = 64;
  shape.num_moe_layers = 2;
  shape.num_experts = shape.num_families = 8;
  shape.top_k = 2;
  shape.expert_hidden_size = 32;
  return shape;
}

}  // namespace

TEST_CASE("weights, gradients and moments by type and layout") {
  MemoryShape of = shape();
  MemoryEstimate bytes = estimate_memory(of);
  CHECK(bytes.parameters == 9000 * 4);
  CHECK(bytes.copies == 0);
  CHECK(bytes.gradients == 9000 * 4);
  CHECK(bytes.optimizer == 9000 * 8);
  CHECK(bytes.worst_load == 0);
  of.dtype = DType::kBFloat16;
  for (const DType product : {DType::kBFloat16, DType::kFloat32}) {
    of.product = product;
    bytes = estimate_memory(of);
    CHECK(bytes.parameters == 9000 * 4);
    CHECK(bytes.copies == 9000.0 * static_cast<double>(size_of(product)));
    CHECK(bytes.gradients == 9000 * 4);
    CHECK(bytes.optimizer == 9000 * 8);
  }
  of.dtype = of.product = DType::kFloat64;
  bytes = estimate_memory(of);
  CHECK(bytes.parameters == 9000 * 8);
  CHECK(bytes.copies == 0);
  CHECK(bytes.optimizer == 9000 * 16);
  of.dtype = of.product = DType::kFloat32;
  of.expert = 4;
  bytes = estimate_memory(of);
  CHECK(bytes.parameters == 3000 * 4);
  CHECK(bytes.optimizer == 3000 * 8);
  CHECK(bytes.origin == 0);
  of.origin_parameters = 500;
  const MemoryEstimate more = estimate_memory(of);
  CHECK(more.origin == 500 * 4);
  CHECK(more.total() == bytes.total() + more.origin);
  of.dtype = DType::kBFloat16;
  CHECK(estimate_memory(of).origin == 500 * 2);
}

TEST_CASE("activations, worked out by hand for 10 rows") {
  const MemoryShape of = shape();
  const double attention = 10 * (4 * 2 * 16 + 4 * 4 * 4 * 8 + 4 * 4 + 4 + 8);         // 6680
  const double dense = 10 * (4 * (2 * 16 + 3 * 64) + 4);                              // 9000
  const double routed = 20 * (4 * (16 + 2 * 32) + 4);                                 // 6480
  const double moe = 10 * (4 * 2 * 16 + 4 + 2 * 4 * 8) + 20 * (36 + 2 * 4) + routed;  // 9320
  const double ends = 10 * (3 * 4 * 16 + 2 * 4 + 16) + 5 * 8 * 4;                     // 2320
  CHECK(estimate_memory(of).activations == 3 * attention + dense + 2 * moe + ends);
  CHECK(estimate_memory(of).activations == 3 * 6680 + 9000 + 2 * 9320 + 2320);

  MemoryShape other = of;
  other.qk_norm = true;
  CHECK(estimate_memory(other).activations == estimate_memory(of).activations + 3 * 10 * (4 * (4 + 2) * 8 + 4 * 2));
  other.qk_norm_by_head = true;
  CHECK(estimate_memory(other).activations == estimate_memory(of).activations + 3 * 10 * (4 * (4 + 2) * 8 + 4 * (4 + 2)));
  other = of;
  other.shared_hidden_size = 32;
  CHECK(estimate_memory(other).activations == estimate_memory(of).activations + 2 * 10 * 4 * 3 * 32);
  other = of;
  other.spanning_exchange = true;
  CHECK(estimate_memory(other).activations == estimate_memory(of).activations + 2 * 20 * 16);
  other.expert = 4;
  CHECK(estimate_memory(other).worst_load == 3 * (routed + 20 * 16) * 2);
  other.num_moe_layers = 0;
  CHECK(estimate_memory(other).worst_load == 0);
}

TEST_CASE("the worst moment is that of the loss, of the backward pass or of the reduction") {
  MemoryShape of = shape();
  of.num_moe_layers = 0;
  const double backward = 10 * 4 * (2 * 64 - 16);  // gradients of gate and up; a row of the residual stream less than before
  CHECK(backward > 4 * 100 * 4);
  // The loss's block of logits is still in the arena then.
  CHECK(estimate_memory(of).buffers == backward + 4 * 100 * 4);
  of.vocab_size = 10'000;
  CHECK(estimate_memory(of).buffers == backward + 4 * 10'000 * 4);
  of.loss_block_rows = 64;
  CHECK(estimate_memory(of).buffers == backward + 10 * 10'000 * 4);
  // A layer of experts borrows its gradients of gate, up, their product and the product: out of the same memory, as far as that goes.
  MemoryShape sparse = shape();
  sparse.num_moe_layers = sparse.num_layers;
  sparse.threads = 1;
  const double without = [&] {
    MemoryShape none = sparse;
    none.vocab_size = 0;
    return estimate_memory(none).buffers;
  }();
  const double lent = 20.0 / static_cast<double>(sparse.num_experts) * 4 * 4 * 32;
  sparse.vocab_size = 10'000;
  CHECK(estimate_memory(sparse).buffers == without + 4 * 10'000 * 4 - lent);
  const double activations = estimate_memory(of).activations;
  of.receive_bytes = static_cast<std::int64_t>(activations) + 500'000;
  CHECK(estimate_memory(of).buffers == 500'000 + 10 * 10'000 * 4);
  CHECK(estimate_memory(of).activations == activations);
}

TEST_CASE("logits are told in the blocks in which they exist") {
  MemoryShape of = shape();
  of.vocab_size = 151'936;
  of.micro_batch_size = 8;
  of.seq_length = 4096;
  of.loss_block_rows = 64;
  of.num_moe_layers = 0;
  of.intermediate_size = 64;
  // 0.04 GB, and backward beside it; whole, and with a softmax beside them, they would be 39.8 GB
  const double backward = 8 * 4096.0 * 4 * (2 * 64 - 16);
  CHECK(estimate_memory(of).buffers == 64.0 * 151'936 * 4 + backward);
}

TEST_CASE("a model beyond 32 bits does not overflow") {
  MemoryShape of = shape();
  of.dense_parameters = 70'000'000'000;
  of.seq_length = 1 << 20;
  of.micro_batch_size = 1 << 10;
  of.vocab_size = 1 << 18;
  const MemoryEstimate bytes = estimate_memory(of);
  CHECK(bytes.parameters > 2.8e11);
  CHECK(bytes.activations > 2e12);
  CHECK(bytes.total() == bytes.parameters + bytes.gradients + bytes.optimizer + bytes.activations + bytes.buffers);
}
