// The estimate beside what LibTorch's allocator gives out while a model is built and trained: every byte of tensors, on all threads.
#include "recipes/stages/memory_shape.hpp"

#include "core/base/processor.hpp"
#include "core/tensor/dtype_map.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/tensor_memory.hpp"
#include "tests/support/tiny_model.hpp"

#include <ATen/Parallel.h>

#include <string>

using namespace sluice;
using namespace sluice::recipes;
using namespace sluice::testing;

namespace {

constexpr std::int64_t kLength = 128;

DecoderConfig decoder() {
  DecoderConfig config;
  config.vocab_size = 200;
  config.hidden_size = 96;
  config.num_layers = 4;
  config.num_attention_heads = 6;
  config.num_key_value_heads = 3;
  config.head_dim = 16;
  config.intermediate_size = 256;
  config.max_position_embeddings = kLength;
  config.qk_norm = QkNorm::kNone;
  return config;
}

moe::MoeConfig experts() {
  moe::MoeConfig config;
  config.num_experts = 8;
  config.top_k = 2;
  config.expert_hidden_size = 96;
  config.num_shared_experts = 1;
  config.layers = {0, 1, 2, 3};
  config.aux_loss_coef = 0.01;
  config.z_loss_coef = 0.001;
  return config;
}

struct Case {
  std::string name;
  ModelDescription model;
  std::int64_t sequences = 8, micro_batch_size = 8;
  parallel::ExchangeKind exchange = parallel::ExchangeKind::kAuto;
  bool native = false;  // bfloat16 products
  Recompute recompute = Recompute::kNone;
  int threads = 1;
};

Case of(const std::string& name, const DecoderConfig& decoder, const std::optional<moe::MoeConfig>& moe, DType dtype) {
  Case c;
  c.name = name;
  c.model.decoder = decoder;
  c.model.moe = moe;
  c.model.dtype = dtype;
  return c;
}

void check(const Case& c, double within = 0.05) {
  // Possible below, but slow, and oneDNN then holds widened copies of its own.
  if (c.native && product_set(this_processor()) < ProductSet::kAvx512Bf16) return;
  const int threads = at::get_num_threads();
  at::set_num_threads(c.threads);
  const bool native = native_bfloat16(at::kCPU);
  set_native_bfloat16(c.native);
  const LocalBatch batch = tiny_batch(c.sequences, kLength, c.model.decoder.vocab_size);
  StepOptions options;
  options.micro_batch_size = c.micro_batch_size;
  options.learning_rate = 1e-3;
  options.recompute = c.recompute;
  const std::int64_t measured = peak_bytes_of([&] {
    TrainModel model = build_model(c.model.decoder, c.model.moe, alone_layout(), to_torch(c.model.dtype), c.exchange);
    initialize(model, 3);
    for (options.step = 1; options.step <= 2; ++options.step) step_of(model, batch, options);
  });
  at::set_num_threads(threads);
  const RankLoad load{c.micro_batch_size, c.sequences, kLength, c.threads, at::kCPU, c.exchange, c.recompute};
  const MemoryShape shape = memory_shape(c.model, alone_layout(), load);
  set_native_bfloat16(native);
  const MemoryEstimate told = estimate_memory(shape);
  INFO(c.name << ": told " << told.total() << " (model " << told.model() << ", activations " << told.activations << ", buffers "
              << told.buffers << "), measured " << measured << ", " << told.total() / static_cast<double>(measured));
  CHECK(told.total() > (1 - within) * static_cast<double>(measured));
  CHECK(told.total() < (1 + within) * static_cast<double>(measured));
  // The model alone is no large part of it: what is told of a step is what is tested.
  CHECK(told.model() < (c.recompute == Recompute::kLayer ? 0.85 : 0.7) * told.total());
}

}  // namespace

TEST_CASE("dense models take what is told, within a twentieth") {
  DecoderConfig narrow = decoder();
  narrow.intermediate_size = 32;
  narrow.num_key_value_heads = 6;
  DecoderConfig normed = decoder();
  normed.qk_norm = QkNorm::kHead;
  normed.tie_word_embeddings = false;
  DecoderConfig whole = decoder();
  whole.qk_norm = QkNorm::kProjection;
  check(of("float32", decoder(), std::nullopt, DType::kFloat32));
  check(of("float64", decoder(), std::nullopt, DType::kFloat64));
  check(of("float32, narrow feed-forward", narrow, std::nullopt, DType::kFloat32));
  check(of("float32, q/k-norm by head, head untied", normed, std::nullopt, DType::kFloat32));
  check(of("float32, q/k-norm of the projection", whole, std::nullopt, DType::kFloat32));
  Case narrow_type = of("bfloat16, products in float32", decoder(), std::nullopt, DType::kBFloat16);
  check(narrow_type);
  narrow_type.name = "bfloat16, native products";
  narrow_type.native = true;
  check(narrow_type);
}

TEST_CASE("sparse models take what is told, within a twentieth") {
  moe::MoeConfig plain = experts();
  plain.num_shared_experts = 0;
  moe::MoeConfig families = plain;
  families.num_experts = 16;
  families.family_size = 4;
  families.expert_hidden_size = 48;
  moe::MoeConfig sigmoid = experts();
  sigmoid.score_func = moe::ScoreFunction::kSigmoid;
  sigmoid.layers = {2, 3};
  check(of("top-2, shared expert", decoder(), experts(), DType::kFloat32));
  check(of("top-2", decoder(), plain, DType::kFloat32));
  check(of("families of four", decoder(), families, DType::kFloat32));
  check(of("sigmoid, half of the layers", decoder(), sigmoid, DType::kFloat32));
  Case narrow_type = of("bfloat16, products in float32", decoder(), experts(), DType::kBFloat16);
  check(narrow_type);
  narrow_type.name = "bfloat16, native products";
  narrow_type.native = true;
  check(narrow_type);
  Case flat = of("flat exchange", decoder(), plain, DType::kFloat32);
  flat.exchange = parallel::ExchangeKind::kFlat;
  check(flat);
  flat.name = "flat exchange, two threads";
  flat.threads = 2;
  check(flat);
}

TEST_CASE("a large vocabulary's logits are never whole, and the estimate knows it") {
  DecoderConfig large = decoder();
  large.vocab_size = 30'000;
  large.hidden_size = 32;
  large.num_layers = 2;
  const Case c = of("large vocabulary", large, std::nullopt, DType::kFloat32);
  const MemoryEstimate told =
      estimate_memory(memory_shape(c.model, alone_layout(), {8, 8, kLength, 1, at::kCPU, parallel::ExchangeKind::kAuto, Recompute::kNone}));
  CHECK(told.buffers < 0.2 * 8 * kLength * 30'000 * 4);
  check(c);
  Case narrow_type = of("large vocabulary, bfloat16", large, std::nullopt, DType::kBFloat16);
  check(narrow_type);
  narrow_type.name += ", native products";
  narrow_type.native = true;
  check(narrow_type);
}

TEST_CASE("accumulation takes what one micro-batch takes, with a pre-pass too") {
  Case c = of("two of six sequences at once", decoder(), experts(), DType::kFloat32);
  c.sequences = 12;
  c.micro_batch_size = 5;
  check(c);
  CHECK(memory_shape(c.model, alone_layout(), {5, 12, kLength, 1, at::kCPU, parallel::ExchangeKind::kAuto, Recompute::kNone})
            .micro_batch_size == 4);
}

TEST_CASE("what is recomputed is told as little as it takes, within a tenth") {
  for (const Recompute recompute : {Recompute::kLayer, Recompute::kAttention, Recompute::kExperts}) {
    Case c = of("dense, recompute " + std::string(name_of(recompute)), decoder(), std::nullopt, DType::kFloat32);
    c.recompute = recompute;
    check(c, 0.1);
    c = of("sparse, recompute " + std::string(name_of(recompute)), decoder(), experts(), DType::kFloat32);
    c.recompute = recompute;
    check(c, 0.1);
    c.name += ", bfloat16";
    c.model.dtype = DType::kBFloat16;
    check(c, 0.1);
    c = of("flat exchange, recompute " + std::string(name_of(recompute)), decoder(), experts(), DType::kFloat32);
    c.exchange = parallel::ExchangeKind::kFlat;
    c.recompute = recompute;
    check(c, 0.1);
  }
}
