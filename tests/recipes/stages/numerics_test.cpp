// A numerics slot that changes nothing changes no bit: losses and gradients of whole models with a transform that passes weight and input
// through in every product, against none.
#include "core/nn/cross_entropy.hpp"
#include "core/tensor/dtype_map.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/tiny_model.hpp"

#include <vector>

using namespace sluice;
using namespace sluice::recipes;
using namespace sluice::testing;

namespace {

void fill_every_slot(TrainModel& model) {
  const Numerics same = {[](const at::Tensor& w) { return w; }, [](const at::Tensor& x) { return x; }};
  model.decoder->head_numerics = same;
  for (std::int64_t layer = 0; layer < model.config.num_layers; ++layer) {
    Attention& attention = model.decoder->attention(layer);
    attention.qkv_numerics = attention.out_numerics = same;
    if (auto* dense = dynamic_cast<DenseFeedForward*>(&model.decoder->slot(feed_forward_path(layer))))
      dense->gate_up_numerics = dense->down_numerics = same;
  }
  for (moe::MoeFeedForward* slot : model.sparse) {
    slot->experts.gate_up_numerics = slot->experts.down_numerics = same;
    if (slot->shared) slot->shared->gate_up_numerics = slot->shared->down_numerics = same;
  }
}

struct Digits {
  double loss;
  std::vector<at::Tensor> gradients;
};

// In several micro-batches, each of more rows than a block of logits has.
Digits digits(TrainModel& model) {
  const LocalBatch batch = tiny_batch(16, 256, model.config.vocab_size);
  StepOptions options;
  options.micro_batch_size = 8;
  CHECK(8 * 256 > loss_block_rows(model.config.vocab_size, at::kCPU));
  const double loss = loss_of(gradients_of(model, batch, options));
  std::vector<at::Tensor> gradients;
  for (const Parameter* p : model.parameters.trained()) gradients.push_back(p->gradient.sum().clone());
  return {loss, gradients};
}

}  // namespace

TEST_CASE("a numerics slot that changes nothing changes no bit of a model") {
  const bool native_before = native_bfloat16(at::kCPU);
  for (const bool native : {false, true}) {
    set_native_bfloat16(native);
    for (const at::ScalarType type : {at::kBFloat16, at::kFloat, at::kDouble}) {
      for (const bool sparse : {false, true}) {
        INFO("native " << native << ", type " << at::toString(type) << ", sparse " << sparse);
        std::optional<moe::MoeConfig> moe;
        if (sparse) moe = tiny_moe(), moe->layers = {1}, moe->num_shared_experts = 1;
        DecoderConfig config = tiny_decoder();
        config.vocab_size = 2048;
        config.max_position_embeddings = 256;
        TrainModel model = tiny_model(config, moe, type);
        const Digits plain = digits(model);
        fill_every_slot(model);
        const Digits filled = digits(model);
        CHECK(filled.loss == plain.loss);
        for (std::size_t i = 0; i < plain.gradients.size(); ++i) {
          INFO(model.parameters.trained()[i]->name);
          CHECK(at::equal(filled.gradients[i], plain.gradients[i]));
        }
      }
    }
  }
  set_native_bfloat16(native_before);
}
