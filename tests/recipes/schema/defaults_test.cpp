// No default contradicts a key that is given, or it says that it is one.
#include "recipes/schema/reading.hpp"

#include "tests/recipes/schema/scratch.hpp"
#include "tests/support/catch.hpp"

using namespace sluice::recipes;
using namespace sluice::recipes::test;

namespace {

const std::string kBare = "name: x\ndata: {train: [a]}\n";

std::string model(const std::string& keys) { return refusal(kBare + "model: {" + keys + "}\nstages:\n" + kDense); }
std::string sparse(const std::string& keys, const std::string& more = "") {
  return refusal(kHead + "  - {name: s, type: sparsify, max_steps: 5, " + more + "moe: {" + keys + "}}\n");
}
std::string note(const std::string& key, const std::string& value) { return "; '" + key + "' is not given, its default is " + value; }
bool ends_with(const std::string& text, const std::string& end) {
  return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

}  // namespace

TEST_CASE("min_learning_rate follows a small learning_rate, at the top level and in a stage") {
  const auto least = [](const std::string& text, const std::vector<std::string>& overrides = {}) {
    const Recipe recipe = read_text_recipe(kHead + kDense + text, overrides);
    CHECK(read_text_recipe(dump(recipe)) == recipe);
    return std::pair(recipe.train.min_learning_rate, recipe.stages[0].train.min_learning_rate);
  };
  CHECK(least("") == std::pair(1e-4, 1e-4));
  CHECK(least("train: {learning_rate: 3e-3}\n") == std::pair(1e-4, 1e-4));
  CHECK(least("train: {learning_rate: 5e-5}\n") == std::pair(5e-5, 5e-5));
  CHECK(least("train: {learning_rate: 5e-5, min_learning_rate: 1e-6}\n") == std::pair(1e-6, 1e-6));
  CHECK(least("", {"stages.dense.train.learning_rate=5e-5"}) == std::pair(1e-4, 5e-5));
  CHECK(least("train: {learning_rate: 5e-5}\n", {"stages.dense.train.learning_rate=1e-2"}) == std::pair(5e-5, 1e-4));
  CHECK(least("", {"stages.dense.train={learning_rate: 5e-5, min_learning_rate: 0}"}) == std::pair(1e-4, 0.0));
  // Two given keys may contradict each other.
  const std::string both = "train: {min_learning_rate: 1e-4}\n";
  CHECK(refusal(kHead + kDense + both, {"stages.dense.train.learning_rate=5e-5"}) ==
        "override 'stages.dense.train.learning_rate=5e-5': stage 'dense': min_learning_rate(1e-04) is above learning_rate(5e-05)");
  CHECK(refusal(kHead + kDense + "train: {min_learning_rate: 1}\n") ==
        "x.yaml:6:28: min_learning_rate(1) is above learning_rate(0.001)" + note("learning_rate", "0.001"));
}

TEST_CASE("growth doubles the experts where it does not say how many") {
  const auto experts = [](const std::string& grow) {
    return read_text_recipe(kHead + kDense + kSparse + "  - {name: n, type: grow, max_steps: 5" + grow + "}\n").stages[2].moe->num_experts;
  };
  CHECK(experts("") == 16);
  CHECK(experts(", method: double_top_k") == 16);
  CHECK(experts(", method: copy, allow_jump: true") == 16);
  CHECK(experts(", method: copy, allow_jump: true, moe: {num_experts: 24}") == 24);
}

TEST_CASE("a refusal says which of the values are defaults") {
  CHECK(model("hidden_size: 100") ==
        "x.yaml:3:8: hidden_size(100) is not a multiple of num_attention_heads(8); state 'head_dim'" + note("num_attention_heads", "8"));
  CHECK(model("hidden_size: 24") ==
        "x.yaml:3:8: head_dim(3) must be even: RoPE turns pairs" + note("head_dim", "hidden_size / num_attention_heads"));
  CHECK(model("hidden_size: 100, num_attention_heads: 8") ==
        "x.yaml:3:48: hidden_size(100) is not a multiple of num_attention_heads(8); state 'head_dim'");
  CHECK(model("num_key_value_heads: 3") ==
        "x.yaml:3:30: num_attention_heads(8) is not a multiple of num_key_value_heads(3)" + note("num_attention_heads", "8"));
  CHECK(model("moe: {expert_hidden_size: 4, layers: [6]}") ==
        "x.yaml:3:47: layer 6 does not exist: the model has layers 0 to 5" + note("num_layers", "6"));
  CHECK(model("num_layers: 6, moe: {expert_hidden_size: 4, layers: [6]}") ==
        "x.yaml:3:62: layer 6 does not exist: the model has layers 0 to 5");
  CHECK(ends_with(sparse("num_experts: 1"), "top_k(2) is above num_experts(1)" + note("top_k", "2")));
  CHECK(ends_with(sparse("top_k: 16"), "top_k(16) is above num_experts(8)" + note("num_experts", "8")));
  CHECK(ends_with(sparse("expert_hidden_size: 128"), "= 256" + note("method", "copy for sparsify, family for grow")));
  CHECK(ends_with(sparse("expert_hidden_size: 64", "method: virtual_group, "),
                  "set allow_jump: true to accept the jump" + note("top_k", "2")));
  CHECK(
      ends_with(sparse("top_k: 2", "parallel: {expert: 3}, "), "num_experts(8) is not a multiple of expert(3)" + note("num_experts", "8")));
  // What a stage takes over from the one before is no default.
  CHECK(ends_with(refusal(kHead + kDense + kSparse + "  - {name: n, type: pretrain, max_steps: 5, moe: {top_k: 9}}\n"),
                  "(2 before, 9 here)"));
  const std::string one = refusal(kHead + kDense + kSparse + "  - {name: n, type: pretrain, max_steps: 5, parallel: {expert: 3}}\n");
  CHECK(ends_with(one, "num_experts(8) before the stage is not a multiple of expert(3)"));
}
