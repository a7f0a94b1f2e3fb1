// What stages take over from the top level and from each other, and what a conversion may not ask for.
#include "recipes/schema/conversion.hpp"
#include "recipes/schema/validate.hpp"
#include "tests/recipes/schema/scratch.hpp"
#include "tests/support/catch.hpp"

using namespace sluice;
using namespace sluice::recipes;
using namespace sluice::recipes::test;

namespace {

std::string sparsify(const std::string& moe, const std::string& more = "") {
  return refusal(kHead + kDense + "  - {name: s, type: sparsify, max_steps: 5, " + more + "moe: {" + moe + "}}\n");
}
std::string after_sparse(const std::string& stage) {
  return refusal(kHead + kDense + kSparse + "  - {name: n, max_steps: 5, " + stage + "}\n");
}

}  // namespace

TEST_CASE("the shape of the main job is resolved stage by stage") {
  const Recipe r = read_text_recipe(kHead + kDense + kSparse + kWide + kFlat);
  REQUIRE(r.stages.size() == 4);
  CHECK(r.model.head_dim == 16);
  CHECK(r.model.num_key_value_heads == 4);
  CHECK(!r.stages[0].moe);
  CHECK(!r.stages[0].conversion);
  const moe::MoeConfig& sparse = *r.stages[1].moe;
  CHECK(r.stages[1].conversion == moe::ConversionKind::kSparsifyCopy);
  CHECK(sparse.num_experts == 8);
  CHECK(sparse.expert_hidden_size == 256);
  CHECK(sparse.family_size == 1);
  CHECK(sparse.layers == std::vector<std::int64_t>{0, 1, 2, 3});
  const moe::MoeConfig& wide = *r.stages[2].moe;
  CHECK(r.stages[2].conversion == moe::ConversionKind::kGrowFamily);
  CHECK(wide.num_experts == 16);
  CHECK(wide.family_size == 2);
  CHECK(wide.top_k == 2);
  const moe::MoeConfig& flat = *r.stages[3].moe;
  CHECK(flat.num_experts == 16);
  CHECK(flat.family_size == 1);
  CHECK(moe::exactness(conversion_of(r, 1)).exact);
  CHECK(moe::exactness(conversion_of(r, 2)).exact);
  CHECK(!moe::exactness(conversion_of(r, 3)).exact);
}

TEST_CASE("a second growth makes families of four, and stages keep what they do not change") {
  const Recipe r = read_text_recipe(kHead + kDense +
                                    "  - {name: s, type: sparsify, max_steps: 5, moe: {num_experts: 4, top_k: 2, aux_loss_coef: 0.5}}\n" +
                                    "  - {name: g1, type: grow, max_steps: 5, moe: {num_experts: 8}}\n" +
                                    "  - {name: more, type: pretrain, max_steps: 5, moe: {aux_loss_coef: 0.25}}\n" +
                                    "  - {name: g2, type: grow, max_steps: 5, moe: {num_experts: 16}}\n");
  CHECK(r.stages[2].moe->aux_loss_coef == 0.5);
  CHECK(r.stages[3].moe->num_experts == 8);
  CHECK(r.stages[3].moe->family_size == 2);
  CHECK(r.stages[3].moe->aux_loss_coef == 0.25);
  CHECK(r.stages[4].moe->family_size == 4);
  CHECK(r.stages[4].moe->aux_loss_coef == 0.25);
}

TEST_CASE("from: starts from an earlier stage's shape") {
  const Recipe r = read_text_recipe(kHead + kDense + kSparse + kWide +
                                    "  - {name: other, type: grow, max_steps: 5, from: sparse, moe: {num_experts: 16}}\n");
  CHECK(r.stages[3].moe->family_size == 2);
  CHECK(parent_of(r, 3) == std::size_t{1});
  for (const std::size_t sparse : {1u, 2u, 3u}) CHECK(made_of_dense(r, sparse));
  CHECK(!made_of_dense(r, 0));
  CHECK(refusal(kHead +
                "  - {name: dense, type: pretrain, max_steps: 10, from: later}\n  - {name: later, type: pretrain, max_steps: 10}\n") ==
        "x.yaml:5:56: stage 'dense': from 'later' must name an earlier stage");
  CHECK(refusal(kHead + kDense + "  - {name: b, type: pretrain, max_steps: 10, from: dens}\n") ==
        "x.yaml:6:52: stage 'b': from 'dens' must name an earlier stage; did you mean 'dense'?");
  CHECK(
      refusal(kHead + kDense + "  - {name: b, type: pretrain, max_steps: 10, from: dense/student}\n") ==
      "x.yaml:6:52: stage 'b': from 'dense/student' names a model of a stage; a run has one model in this build, so name the stage alone");
  CHECK(refusal(kHead + kDense + kDense) == "x.yaml:6:12: two stages are called 'dense'");
}

TEST_CASE("a stage's own sections override the top level for it alone") {
  const Recipe r = read_text_recipe(kHead + kDense +
                                    "  - name: b\n    type: pretrain\n    max_steps: 5\n    train: {learning_rate: 0.5}\n    data: "
                                    "{seq_length: 64}\n    parallel: {expert: 2}\n"
                                    "    model: {hidden_size: 64}\n"
                                    "  - {name: c, type: pretrain, max_steps: 5, train: {lr_scheduler: wsd}}\n"
                                    "train: {learning_rate: 0.25, weight_decay: 0.5}\n");
  CHECK(r.stages[0].train.learning_rate == 0.25);
  CHECK(r.stages[1].train.learning_rate == 0.5);
  CHECK(r.stages[1].train.weight_decay == 0.5);
  CHECK(r.stages[1].data.seq_length == 64);
  CHECK(r.stages[1].data.train == r.data.train);
  CHECK(r.stages[0].data.seq_length == 256);
  CHECK(r.stages[1].parallel.expert == 2);
  CHECK(r.stages[2].parallel.expert == 1);
  CHECK(!r.stages[1].own_lr_schedule);
  CHECK(r.stages[2].own_lr_schedule);
  CHECK(refusal(kHead + "  - {name: b, type: pretrain, max_steps: 5, model: {hidden_size: 32}}\n") ==
        "x.yaml:5:66: 'hidden_size' cannot change between stages (64 at the top level, 32 in stage 'b')");
  CHECK(refusal(kHead + "  - {name: b, type: pretrain, max_steps: 5, model: {moe: {top_k: 2}}}\n") ==
        "x.yaml:5:53: write 'moe' beside 'type' in stage 'b', not inside 'model'");
  CHECK(refusal(kHead + "  - {name: b, type: pretrain, max_steps: 5, data: {tokenizer: bytes}}\n") ==
        "x.yaml:5:63: stage 'b': the tokenizer cannot change between stages; set 'data.tokenizer' at the top level");
  CHECK(refusal(kHead + "  - {name: b, type: pretrain, max_steps: 5, train: {min_learning_rate: 1}}\n") ==
        "x.yaml:5:72: stage 'b': min_learning_rate(1) is above learning_rate(0.001); 'learning_rate' is not given, its default is 0.001");
}

TEST_CASE("layers: all, indices, paths and patterns") {
  const auto layers = [](const std::string& value) {
    return read_text_recipe(kHead + kDense + "  - {name: s, type: sparsify, max_steps: 5, moe: {layers: " + value + "}}\n")
        .stages[1]
        .moe->layers;
  };
  using List = std::vector<std::int64_t>;
  CHECK(layers("all") == List{0, 1, 2, 3});
  CHECK(layers("[3, 1]") == List{1, 3});
  CHECK(layers("[layers.2.feed_forward, 0]") == List{0, 2});
  CHECK(layers("layers.*.feed_forward") == List{0, 1, 2, 3});
  CHECK(layers("['layers.*.feed_forward', 2]") == List{0, 1, 2, 3});
  CHECK(sparsify("layers: [4]") == "x.yaml:6:60: layer 4 does not exist: the model has layers 0 to 3");
  CHECK(sparsify("layers: [-1]") == "x.yaml:6:60: layer -1 does not exist: the model has layers 0 to 3");
  CHECK(sparsify("layers: []") == "x.yaml:6:59: 'layers' names no layer");
  CHECK(sparsify("layers: some") == "x.yaml:6:59: 'layers' must be all or a list of indices, paths or patterns, found 'some'");
  CHECK(sparsify("layers: [layers.9.feed_forward]") ==
        "x.yaml:6:60: 'layers.9.feed_forward' names none of layers.0.feed_forward to layers.3.feed_forward");
  CHECK(sparsify("layers: [layers.*]") == "x.yaml:6:60: 'layers.*' names none of layers.0.feed_forward to layers.3.feed_forward");
}

TEST_CASE("shapes that cannot learn or cannot be built are refused with the reason") {
  CHECK(sparsify("top_k: 1").empty());  // exact, and warned of (routing_checks_test)
  CHECK(sparsify("num_experts: 4, top_k: 5") == "x.yaml:6:74: stage 's': top_k(5) is above num_experts(4)");
  CHECK(sparsify("router_init_std: 0") ==
        "x.yaml:6:68: stage 's': router_init_std(0) ties all scores, so that every token goes to the first experts; set it above 0");
  CHECK(sparsify("router_init_std: 0, num_experts: 4, top_k: 4").empty());
  CHECK(sparsify("family_size: 2, num_experts: 8").find("x.yaml:6:64: stage 's': family_size follows from growth: 1 here, found 2") == 0);
  CHECK(refusal(kHead + kDense + "  - {name: s, type: sparsify, max_steps: 5, moe: {num_experts: 6}}\nparallel: {expert: 4}\n") ==
        "x.yaml:7:20: stage 's': num_experts(6) is not a multiple of expert(4)");
  CHECK(refusal(kHead + kDense +
                "  - {name: s, type: sparsify, max_steps: 5, moe: {num_experts: 4}}\n"
                "  - {name: w, type: grow, max_steps: 5, method: family, moe: {num_experts: 8}, parallel: {expert: 8}}\n")
            .find("stage 'w': num_experts(4) before the stage is not a multiple of expert(8)") != std::string::npos);
  CHECK(refusal(kHead + kDense + kSparse + "parallel: {expert: 2, exchange: local}\n") ==
        "x.yaml:7:33: exchange local keeps tokens inside a rank, so it needs expert(1), found expert(2)");
  CHECK(refusal("name: x\ndata: {train: [a]}\nmodel: {num_attention_heads: 6, num_key_value_heads: 4, head_dim: 8}\nstages:\n" + kDense) ==
        "x.yaml:3:54: num_attention_heads(6) is not a multiple of num_key_value_heads(4)");
  CHECK(refusal("name: x\ndata: {train: [a]}\nmodel: {head_dim: 7}\nstages:\n" + kDense) ==
        "x.yaml:3:19: head_dim(7) must be even: RoPE turns pairs");
  CHECK(refusal("name: x\ndata: {train: [a]}\nmodel: {num_attention_heads: 6}\nstages:\n" + kDense) ==
        "x.yaml:3:30: hidden_size(256) is not a multiple of num_attention_heads(6); state 'head_dim'; 'hidden_size' is not given, its "
        "default is 256");
}

TEST_CASE("copy: widths and exactness") {
  CHECK(sparsify("num_experts: 4, top_k: 2, num_shared_experts: 1, expert_hidden_size: 128").empty());
  CHECK(read_text_recipe(kHead + kDense + "  - {name: s, type: sparsify, max_steps: 5, moe: {num_shared_experts: 1}}\n")
            .stages[1]
            .moe->expert_hidden_size == 128);
  CHECK(sparsify("expert_hidden_size: 128") ==
        "x.yaml:6:71: stage 's': copy needs expert_hidden_size == intermediate_size - num_shared_experts x expert_hidden_size, found 128 "
        "and 256 - 0 x 128 = 256; 'method' is not given, its default is copy for sparsify, family for grow");
  CHECK(sparsify("expert_hidden_size: 256, num_shared_experts: 1") ==
        "x.yaml:6:71: stage 's': copy needs expert_hidden_size == intermediate_size - num_shared_experts x expert_hidden_size, found 256 "
        "and 256 - 1 x 256 = 0; 'method' is not given, its default is copy for sparsify, family for grow");
  CHECK(
      sparsify("num_shared_experts: 2") ==
      "x.yaml:6:50: stage 's': expert_hidden_size is not given and intermediate_size(256) is not a multiple of 1 + num_shared_experts(2)");
  CHECK(sparsify("norm_topk_prob: false") ==
        "x.yaml:6:21: stage 's': sparsify by copy is not exact: without norm_topk_prob the weights of the chosen experts do not sum to 1; "
        "set allow_jump: true to accept the jump");
  CHECK(sparsify("norm_topk_prob: false", "allow_jump: true, ").empty());
  CHECK(sparsify("routed_scaling_factor: 2.5").empty());  // folded into down_proj
  CHECK(sparsify("capacity_factor: 1.25").find("sparsify by copy is not exact: capacity_factor(1.25) drops tokens;") != std::string::npos);
  CHECK(sparsify("capacity_factor: 4, num_experts: 8, top_k: 2").empty());  // room for every token
  CHECK(sparsify("top_k: 2", "method: family, ") ==
        "x.yaml:6:53: stage 's': sparsify has the methods copy and virtual_group, found family");
}

TEST_CASE("virtual_group: shards, experts and top_k have to fit") {
  const std::string method = "method: virtual_group, ";
  CHECK(sparsify("num_experts: 8, top_k: 2, expert_hidden_size: 128", method).empty());
  CHECK(sparsify("num_experts: 8, top_k: 4, expert_hidden_size: 128", method).empty());
  CHECK(sparsify("num_experts: 9, top_k: 3, expert_hidden_size: 64, num_shared_experts: 1", method).empty());
  // Not given: one shard per chosen expert, the active width of the dense layer.
  CHECK(read_text_recipe(kHead + kDense + "  - {name: s, type: sparsify, max_steps: 5, method: virtual_group, moe: {top_k: 4}}\n")
            .stages[1]
            .moe->expert_hidden_size == 64);
  CHECK(sparsify("expert_hidden_size: 100", method) ==
        "x.yaml:6:94: stage 's': virtual_group needs G x expert_hidden_size == intermediate_size - num_shared_experts x expert_hidden_size "
        "for a whole G, "
        "found 100 and 256 - 0 x 100 = 256");
  CHECK(sparsify("num_experts: 6, top_k: 4, expert_hidden_size: 64", method) ==
        "x.yaml:6:87: stage 's': num_experts(6) is not a multiple of the 4 shards ((256 - 0 x 64 = 256) / 64)");
  CHECK(sparsify("num_experts: 8, top_k: 3, expert_hidden_size: 128", method) ==
        "x.yaml:6:21: stage 's': sparsify by virtual_group is not exact: top_k(3) is not a multiple of the 2 shards, so not every shard is "
        "chosen equally often; "
        "set allow_jump: true to accept the jump");
  CHECK(sparsify("num_experts: 8, top_k: 3, expert_hidden_size: 128", method + "allow_jump: true, ").empty());
}

TEST_CASE("stages in an order that makes no sense") {
  CHECK(after_sparse("type: sparsify") == "x.yaml:7:35: stage 'n': sparsify needs a dense model before it, found 8 experts; use grow");
  CHECK(after_sparse("type: flatten") == "x.yaml:7:35: stage 'n': flatten needs a family router before it; grow by family makes one");
  CHECK(refusal(kHead + kDense + kWide) == "x.yaml:6:24: stage 'wide': grow needs a sparse model before it; put a sparsify stage first");
  CHECK(refusal(kHead + kDense + kFlat) == "x.yaml:6:24: stage 'flat': flatten needs a sparse model before it; put a sparsify stage first");
  CHECK(refusal(kHead + kDense + kSparse + kWide + "  - {name: flat, type: flatten, max_steps: 10}\n") ==
        "x.yaml:8:24: stage 'flat': flatten is not exact: a plain router cannot reproduce a family router, whose family row alone decides; "
        "set allow_jump: true to accept the jump");
  CHECK(refusal(kHead + "  - {name: d, type: pretrain, max_steps: 5, moe: {top_k: 2}}\n") ==
        "x.yaml:5:45: 'moe' means nothing in stage 'd': its model is dense; use a sparsify stage");
  CHECK(after_sparse("type: pretrain, moe: {num_experts: 16}") ==
        "x.yaml:7:64: stage 'n': pretrain cannot change num_experts (8 before, 16 here)");
  CHECK(after_sparse("type: pretrain, moe: {aux_loss_coef: 0, capacity_factor: 1.5}").empty());
}

TEST_CASE("keys of conversions mean nothing elsewhere") {
  CHECK(after_sparse("type: pretrain, method: copy") == "x.yaml:7:53: stage 'n': 'method' means nothing in a pretrain stage; leave it out");
  CHECK(after_sparse("type: pretrain, allow_jump: true") ==
        "x.yaml:7:57: stage 'n': 'allow_jump' means nothing in a pretrain stage; leave it out");
  CHECK(after_sparse("type: pretrain, optimizer_state: reset") ==
        "x.yaml:7:62: stage 'n': 'optimizer_state' means nothing in a pretrain stage; leave it out");
  CHECK(after_sparse("type: flatten, weight_noise: 0.1") ==
        "x.yaml:7:58: stage 'n': 'weight_noise' means nothing in a flatten stage; leave it out");
  CHECK(after_sparse("type: grow, moe: {num_experts: 16}, top_k_anneal_steps: 3") ==
        "x.yaml:7:85: stage 'n': 'top_k_anneal_steps' is for grow by double_top_k; leave it out");
}

TEST_CASE("how new router rows are made is said beside their spread, in flatten too, and stages keep it") {
  CHECK(sparsify("router_init: 0.3") ==
        "x.yaml:6:64: 'router_init' must be one of balanced, normal, found '0.3'; did you mean 'router_init_std: 0.3'?");
  CHECK(sparsify("router_init: even") == "x.yaml:6:64: 'router_init' must be one of balanced, normal, found 'even'");
  CHECK(sparsify("router_init: balanced").empty());
  CHECK(sparsify("router_init: balanced", "conversion_sequences: 0, ") ==
        "x.yaml:6:67: 'conversion_sequences' must be between 1 and 1048576, found '0'");
  CHECK(after_sparse("type: pretrain, conversion_sequences: 8") ==
        "x.yaml:7:67: stage 'n': 'conversion_sequences' means nothing in a pretrain stage; leave it out");
  const Recipe r = read_text_recipe(kHead + kDense + kSparse + kWide + kFlat,
                                    {"stages.sparse.moe.router_init=balanced", "stages.flat.moe.router_init=normal"});
  CHECK(r.stages[1].moe->router_init == moe::RouterInit::kBalanced);
  CHECK(r.stages[2].moe->router_init == moe::RouterInit::kBalanced);
  CHECK(r.stages[3].moe->router_init == moe::RouterInit::kNormal);
  CHECK(r.stages[1].conversion_sequences == 64);
}

TEST_CASE("growth doubles, and says what it needs") {
  CHECK(after_sparse("type: grow, moe: {num_experts: 12}") ==
        "x.yaml:7:60: stage 'n': grow by family needs num_experts to be 16 = 2 x 8, found 12; 'method' is not given, its default is copy "
        "for sparsify, family for grow");
  CHECK(after_sparse("type: grow, method: virtual_group") ==
        "x.yaml:7:49: stage 'n': grow has the methods family, double_top_k and copy, found virtual_group");
  CHECK(after_sparse("type: grow, moe: {num_experts: 16, top_k: 4}") ==
        "x.yaml:7:71: stage 'n': grow by family makes top_k 2 from 2, found 4; leave it out");
  CHECK(after_sparse("type: grow, moe: {num_experts: 16, family_size: 4}") ==
        "x.yaml:7:77: stage 'n': grow by family makes families of 2, found 4; leave it out");
  CHECK(after_sparse("type: grow, moe: {num_experts: 16, score_func: sigmoid}") ==
        "x.yaml:7:76: stage 'n': grow cannot change score_func (softmax before, sigmoid here)");
  CHECK(after_sparse("type: grow, moe: {num_experts: 16, layers: [1]}") ==
        "x.yaml:7:72: stage 'n': grow cannot change layers ([0, 1, 2, 3] before, [1] here)");
  CHECK(after_sparse("type: grow, moe: {num_experts: 16, router_init_std: 0}").find("stage 'n': router_init_std(0) ties all scores") !=
        std::string::npos);
  CHECK(after_sparse("type: grow, method: copy, moe: {num_experts: 24}") ==
        "x.yaml:7:35: stage 'n': grow by copy is not exact: top_k stays, so the chosen experts become copies of fewer ones; set "
        "allow_jump: true to accept the jump");
  CHECK(after_sparse("type: grow, method: copy, allow_jump: true, moe: {num_experts: 24}").empty());
  CHECK(after_sparse("type: grow, method: copy, allow_jump: true, moe: {num_experts: 20}") ==
        "x.yaml:7:92: stage 'n': grow by copy needs num_experts to be a multiple of 8 from 16 on, found 20");
  CHECK(refusal(kHead + kDense + kSparse + kWide +
                "  - {name: n, type: grow, max_steps: 5, method: double_top_k, moe: {num_experts: 32}}\n") ==
        "x.yaml:8:49: stage 'n': grow by double_top_k needs a plain router, found families of 2; put a flatten stage before it");
}

TEST_CASE("double_top_k doubles top_k, and a stage that anneals hands on the old one") {
  const std::string twice = "  - {name: twice, type: grow, max_steps: 10, method: double_top_k, moe: {num_experts: 16}}\n";
  const Recipe kept = read_text_recipe(kHead + kDense + kSparse + twice + "  - {name: more, type: pretrain, max_steps: 5}\n");
  CHECK(kept.stages[2].moe->top_k == 4);
  CHECK(kept.stages[2].moe->family_size == 1);
  CHECK(kept.stages[3].moe->top_k == 4);
  CHECK(moe::exactness(conversion_of(kept, 2)).exact);
  const Recipe back = read_text_recipe(kHead + kDense + kSparse + twice + "  - {name: more, type: pretrain, max_steps: 5}\n",
                                       {"stages.twice.top_k_anneal_steps=10"});
  CHECK(back.stages[2].moe->top_k == 4);
  CHECK(back.stages[3].moe->top_k == 2);
  CHECK(refusal(kHead + kDense + kSparse + twice, {"stages.twice.top_k_anneal_steps=11"}) ==
        "override 'stages.twice.top_k_anneal_steps=11': stage 'twice': top_k_anneal_steps(11) is above max_steps(10): top_k must be back "
        "when the stage ends");
  CHECK(refusal(kHead + kDense + kSparse + twice, {"stages.twice.moe.top_k=2"}) ==
        "override 'stages.twice.moe.top_k=2': stage 'twice': grow by double_top_k makes top_k 4 from 2, found 2; leave it out");
}

TEST_CASE("exactness of growth without renormalisation depends on the scores") {
  moe::Conversion c;
  c.kind = moe::ConversionKind::kGrowDoubleTopK;
  c.before = moe::MoeConfig{};
  c.before->norm_topk_prob = false;
  c.after = *c.before;
  CHECK(moe::exactness(c).exact);
  c.after.score_func = moe::ScoreFunction::kSigmoid;
  CHECK(!moe::exactness(c).exact);
  c.after.norm_topk_prob = true;
  CHECK(moe::exactness(c).exact);
  c.before->capacity_factor = 1.0;  // the model before drops tokens that the one after does not
  CHECK(!moe::exactness(c).exact);
}

TEST_CASE("a run that starts sparse says its widths") {
  const auto head = [](const std::string& moe) { return "name: x\ndata: {train: [a]}\nmodel: {moe: {" + moe + "}}\nstages:\n" + kDense; };
  const Recipe r = read_text_recipe(head("expert_hidden_size: 64, layers: [1, 3]"));
  REQUIRE(r.initial_moe);
  CHECK(r.stages[0].moe == r.initial_moe);
  CHECK(r.initial_moe->layers == std::vector<std::int64_t>{1, 3});
  CHECK(refusal(head("top_k: 2")) == "x.yaml:3:14: 'expert_hidden_size' is missing: there is no dense layer to derive it from");
  CHECK(refusal(head("expert_hidden_size: 64, router_init_std: 0")).find("x.yaml:3:56: router_init_std(0) ties all scores") == 0);
  CHECK(refusal(head("expert_hidden_size: 64, family_size: 2")) ==
        "x.yaml:3:52: family_size(2) follows from growth: start with 1 and add a grow stage");
}

TEST_CASE("a problem names its key where there is no file") {
  Recipe r = read_text_recipe(kHead + kDense + kSparse);
  CHECK(!find_problem(r));
  r.stages[1].moe->top_k = 9;
  const std::optional<Problem> problem = find_problem(r);
  REQUIRE(problem);
  CHECK(problem->key == "stages.sparse.moe.top_k");
  CHECK(problem->text == "stage 'sparse': top_k(9) is above num_experts(8)");
}
