#include "recipes/schema/routing_checks.hpp"

#include "recipes/schema/conversion.hpp"
#include "tests/recipes/schema/scratch.hpp"
#include "tests/support/catch.hpp"

using namespace sluice::recipes;
using namespace sluice::recipes::test;

namespace {

using Lines = std::vector<std::string>;

// A dense stage, then the given ones; 16 sequences of 128 tokens a step.
std::string recipe_text(const std::string& stages) {
  return "name: x\ndata: {train: [a.txt], seq_length: 128}\ntrain: {global_batch_size: 16}\n"
         "model: {hidden_size: 64, num_layers: 4, num_attention_heads: 4, intermediate_size: 256}\nstages:\n" +
         kDense + stages;
}
std::string sparsify(const std::string& moe, const std::string& more = "") {
  return "  - {name: s, type: sparsify, max_steps: 10, " + more + "moe: {" + moe + "}}\n";
}
Lines warnings(const std::string& stages) { return routing_warnings(read_text_recipe(recipe_text(stages))); }

}  // namespace

TEST_CASE("fewer than 8 rows an expert a step are warned of with their arithmetic") {
  CHECK(warnings(sparsify("num_experts: 512")).empty());  // 8 each
  CHECK(warnings(sparsify("num_experts: 1024")) ==
        Lines{"stage 's': 16 sequences x 128 tokens x top_k(2) / num_experts(1024) = 4 rows an expert a step, fewer than 8: experts go "
              "without in many "
              "steps and learn from a few tokens; use fewer experts, or a larger train.global_batch_size or data.seq_length"});
  CHECK(warnings(sparsify("num_experts: 4096")).size() == 1);
  CHECK(warnings(sparsify("num_experts: 4096")).front().find(" = 1 row an expert a step, ") != std::string::npos);
  CHECK(warnings(sparsify("num_experts: 4097")).front().find(" = 0.9998 rows an expert a step, ") != std::string::npos);
}

TEST_CASE("rows an expert are those of the stage itself, at its end, and stages alike are told once") {
  const std::string grown = "  - {name: w, type: grow, max_steps: 10, train: {global_batch_size: 64}, moe: {num_experts: 1024}}\n";
  CHECK(warnings(sparsify("num_experts: 512") + grown).empty());
  const std::string twice = "  - {name: t, type: grow, method: double_top_k, max_steps: 10, ";
  CHECK(warnings(sparsify("num_experts: 512") + twice + "moe: {num_experts: 1024}}\n").empty());
  CHECK(warnings(sparsify("num_experts: 512") + twice + "top_k_anneal_steps: 5, moe: {num_experts: 1024}}\n").size() == 1);
  const std::string more = "  - {name: more, type: pretrain, max_steps: 5}\n";
  CHECK(warnings(sparsify("num_experts: 1024") + more).size() == 1);
}

TEST_CASE("top-1 with renormalised weights is warned of, whatever the scores, with advice that fits the conversion") {
  for (const char* scores : {"softmax", "sigmoid"}) {
    const std::string moe = std::string("num_experts: 8, top_k: 1, score_func: ") + scores;
    const Lines told = warnings(sparsify(moe) + "  - {name: more, type: pretrain, max_steps: 5}\n");
    CHECK(
        told ==
        Lines{
            "stage 's': top_k(1) with norm_topk_prob gives every chosen expert the weight 1, so the router gets no gradient from the text, "
            "only from balance and z losses; a router with top_k of 2 or more learns from it, or one with "
            "norm_topk_prob: false with allow_jump: true, since the conversion is not exact then"});
    // What it advises is what is accepted, and without the jump it is refused.
    CHECK(warnings(sparsify(moe + ", norm_topk_prob: false", "allow_jump: true, ")).empty());
    CHECK(refusal(recipe_text(sparsify(moe + ", norm_topk_prob: false"))).find("set allow_jump: true") != std::string::npos);
    const Recipe recipe = read_text_recipe(recipe_text(sparsify(moe)));
    CHECK(sluice::moe::exactness(conversion_of(recipe, 1)).exact);
  }
  CHECK(warnings(sparsify("num_experts: 8, top_k: 2")).empty());
  CHECK(warnings(sparsify("num_experts: 1, top_k: 1")).empty());  // nothing to choose
  const Recipe fresh = read_text_recipe(
      "name: x\ndata: {train: [a.txt]}\nmodel: {hidden_size: 64, num_attention_heads: 4, moe: {expert_hidden_size: 32, top_k: "
      "1}}\nstages:\n"
      "  - {name: p, type: pretrain, max_steps: 5}\n  - {name: g, type: grow, max_steps: 5}\n");
  const Lines told = routing_warnings(fresh);
  REQUIRE(told.size() == 1);
  CHECK(told.front().find("stage 'p': top_k(1)") == 0);
  CHECK(told.front().find("; a router with top_k of 2 or more learns from it, or one with norm_topk_prob: false in model.moe") !=
        std::string::npos);
}

TEST_CASE("balanced router rows that no conversion chooses are told") {
  const std::string model =
      "name: x\ndata: {train: [a.txt], seq_length: 128}\ntrain: {global_batch_size: 16}\n"
      "model: {hidden_size: 64, num_layers: 4, num_attention_heads: 4, intermediate_size: 256, moe: {num_experts: 8, expert_hidden_size: "
      "256, router_init: balanced}}\n"
      "stages:\n  - {name: s, type: pretrain, max_steps: 10}\n";
  CHECK(routing_warnings(read_text_recipe(model)) == Lines{"model.moe.router_init(balanced) chooses the router rows that conversions add, "
                                                           "and no stage converts: this model starts with normal rows"});
  CHECK(routing_warnings(read_text_recipe(model + "  - {name: w, type: grow, max_steps: 10, moe: {num_experts: 16}}\n")).empty());
}
