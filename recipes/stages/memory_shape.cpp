#include "recipes/stages/memory_shape.hpp"

#include "core/nn/cross_entropy.hpp"
#include "core/tensor/dtype_map.hpp"
#include "parallel/gradient_reduction.hpp"
#include "parallel/plan/shards.hpp"

namespace sluice::recipes {

MemoryShape memory_shape(const ModelDescription& model, const Layout& layout, const RankLoad& load) {
  const DecoderConfig& decoder = model.decoder;
  MemoryShape shape;
  shape.dense_parameters = count_parameters(model).total;
  shape.expert = layout.expert_group->size();
  shape.dtype = model.dtype;
  shape.product = from_torch(product_type(to_torch(model.dtype), load.device));
  shape.threads = load.threads;
  shape.recompute = load.recompute;
  // The longest micro-batch comes first.
  shape.micro_batch_size = parallel::micro_batches({0, load.local_batch_size}, load.micro_batch_size).front().count;
  shape.seq_length = load.seq_length;
  shape.vocab_size = decoder.vocab_size;
  shape.loss_block_rows = loss_block_rows(decoder.vocab_size, load.device);
  shape.on_device = !load.device.is_cpu();
  shape.hidden_size = decoder.hidden_size;
  shape.num_layers = decoder.num_layers;
  shape.num_attention_heads = decoder.num_attention_heads;
  shape.num_key_value_heads = decoder.num_key_value_heads;
  shape.head_dim = decoder.head_dim;
  shape.qk_norm = decoder.qk_norm != QkNorm::kNone;
  shape.qk_norm_by_head = decoder.qk_norm == QkNorm::kHead;
  shape.intermediate_size = decoder.intermediate_size;
  if (model.moe) {
    const moe::MoeConfig& moe = *model.moe;
    shape.num_moe_layers = static_cast<std::int64_t>(moe.layers.size());
    shape.num_experts = moe.num_experts;
    shape.num_families = moe.num_families();
    for (std::int64_t width = 2; width <= moe.family_size; width *= 2) ++shape.family_levels;
    shape.top_k = moe.top_k;
    shape.expert_hidden_size = moe.expert_hidden_size;
    shape.shared_hidden_size = moe.num_shared_experts * moe.expert_hidden_size;
    shape.spanning_exchange = parallel::spans_ranks(parallel::resolve(load.exchange, static_cast<int>(shape.expert)));
    shape.expert_parameters = 3 * decoder.hidden_size * moe.expert_hidden_size * moe.num_experts * shape.num_moe_layers;
    shape.dense_parameters -= shape.expert_parameters;
  }
  const auto gradient = static_cast<std::int64_t>(size_of(from_torch(accumulate_type(to_torch(model.dtype)))));
  shape.receive_bytes = parallel::reduction_buffer_bytes(shape.dense_parameters * gradient, *layout.reduction,
                                                         shape.expert_parameters / shape.expert * gradient, *layout.replicas);
  return shape;
}

}  // namespace sluice::recipes
