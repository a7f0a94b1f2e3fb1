#include "recipes/schema/read_recipe.hpp"
#include "tests/recipes/schema/scratch.hpp"
#include "tests/support/catch.hpp"

using namespace sluice;
using namespace sluice::recipes;
using namespace sluice::recipes::test;

namespace {

void check_round_trip(const Recipe& recipe) {
  const std::string text = dump(recipe);
  INFO(text);
  const Recipe again = read_text_recipe(text);
  CHECK(again == recipe);
  CHECK(dump(again) == text);
}

}  // namespace

TEST_CASE("a resolved recipe reads back to an equal one") {
  check_round_trip(read_text_recipe(kHead + kDense + kSparse + kWide + kFlat));
  check_round_trip(read_text_recipe(kHead + kDense));
  check_round_trip(read_text_recipe(
      "name: y\nrun_dir: \"a b: #c\\\"\\\\\\t\u00e9\"\nseed: 18446744073709551615\ndtype: bfloat16\n"
      "data: {train: [\"*.txt\", {path: 'true', weight: 0.1}, '17', \"x, y]\"], validation: ['null'], tokenizer: bytes, text_key: 'a.b', "
      "order: contiguous}\n"
      "model: {qk_norm: projection, rms_norm_eps: 1.1e-7, rope_theta: 123456.789, tie_word_embeddings: false, num_layers: 3}\n"
      "train: {learning_rate: 0.30000000000000004, adam_eps: 1e-12}\nparallel: {expert: 2, timeout_seconds: 0.1}\n"
      "stages:\n"
      "  - {name: d, type: pretrain, max_steps: 5, train: {lr_scheduler: wsd, learning_rate: 0.5}, data: {seq_length: 9, validation: []}, "
      "parallel: {expert: 1}}\n"
      "  - {name: s, type: sparsify, max_steps: 5, method: virtual_group, weight_noise: 0.01, optimizer_state: reset, train: "
      "{lr_scheduler: linear},\n"
      "     moe: {num_experts: 4, layers: [2], score_func: sigmoid, balance_loss: lagged, bias_update_rate: 0.001}}\n"
      "  - {name: g, type: grow, max_steps: 50, method: double_top_k, top_k_anneal_steps: 5, moe: {num_experts: 8, balance_loss: "
      "sequence}}\n"
      "  - {name: e, type: pretrain, max_steps: 5, from: s}\n"));
}

TEST_CASE("what a run holds of the main job is this text") {
  const std::string text = dump(read_text_recipe(kHead + kDense + kSparse));
  CHECK(text.find("# The whole recipe of a run: defaults filled in, shapes resolved.\nname: x\nseed: 17\ndtype: float32\ndevice: "
                  "auto\nlog_interval: 10\n") == 0);
  CHECK(text.find("\nstages:\n  - name: dense\n    type: pretrain\n    max_steps: 10\n    optimizer_state: keep\n") != std::string::npos);
  CHECK(text.find("\n    moe:\n      num_experts: 8\n      top_k: 2\n      expert_hidden_size: 256\n      num_shared_experts: 0\n      "
                  "layers: [0, 1, 2, 3]\n") != std::string::npos);
  CHECK(text.find("  tokenizer: {type: bpe, vocab_size: 4096}\n") != std::string::npos);
}

TEST_CASE("the resolved recipe of a run that starts from a checkpoint reads back without it") {
  InitialModel initial;
  initial.model.num_layers = 2;
  initial.moe.emplace();
  initial.moe->expert_hidden_size = 50;
  initial.moe->layers = {1};
  initial.moe->family_size = 2;
  initial.tokenizer_path = "ckpt/tokenizer.json";
  check_round_trip(read_text_recipe("name: x\ninit_from: ckpt\ndata: {train: [a]}\nstages:\n" + kFlat, {},
                                    [&](const std::string&, const auto&) { return initial; }));
  initial.moe.reset();
  check_round_trip(read_text_recipe("name: x\ninit_from: ckpt\ndata: {train: [a]}\nstages:\n" + kSparse, {},
                                    [&](const std::string&, const auto&) { return initial; }));
}
