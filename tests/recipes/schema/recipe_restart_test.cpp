#include "recipes/schema/restart.hpp"

#include "tests/recipes/schema/scratch.hpp"
#include "tests/support/catch.hpp"

#include <sstream>

using namespace sluice;
using namespace sluice::recipes;
using namespace sluice::recipes::test;

namespace {

const std::string kJob = kHead + kDense + kSparse + kWide + kFlat;

// "key old new; ..." of a restart in stage `reached` with other overrides.
std::string refused(const std::vector<std::string>& overrides, std::size_t reached = 0) {
  std::string text;
  for (const Difference& d : compare_for_restart(read_text_recipe(kJob), read_text_recipe(kJob, overrides), reached))
    text += (text.empty() ? "" : "; ") + d.key + " " + d.old_value + " " + d.new_value;
  return text;
}

}  // namespace

TEST_CASE("the layout, intervals and later stages may change on restart") {
  CHECK(refused({}).empty());
  CHECK(
      refused({"parallel.expert=2", "parallel.exchange=flat", "parallel.threads=3", "parallel.timeout_seconds=5",
               "train.micro_batch_size=1", "log_interval=1", "eval_interval=2", "balance_window=3", "checkpoint.save_interval=3",
               "checkpoint.keep=1", "name=other", "run_dir=elsewhere", "allow_schedule_change=true", "device=cuda", "train.recompute=layer",
               "parallel.mixed_devices=true", "stages.dense.parallel.expert=4", "stages.dense.train.micro_batch_size=2"},
              3)
          .empty());
  CHECK(refused({"stages.sparse.max_steps=99", "stages.sparse.moe.top_k=3", "stages.flat.train.learning_rate=1"}).empty());
}

TEST_CASE("everything else is refused by key with both values") {
  CHECK(refused({"seed=18"}) == "seed 17 18");
  CHECK(refused({"dtype=float64"}) == "dtype float32 float64");
  CHECK(refused({"train.learning_rate=0.5"}, 2) == "train.learning_rate 0.001 0.5");
  CHECK(refused({"train.router_learning_rate_factor=0"}) == "train.router_learning_rate_factor 1 0");
  CHECK(refused({"stages.sparse.train.expert_learning_rate_factor=0.5"}, 1) == "stages.sparse.train.expert_learning_rate_factor 1 0.5");
  CHECK(refused({"stages.sparse.train.expert_learning_rate_factor=0.5"}, 0).empty());
  CHECK(refused({"train.global_batch_size=16"}) == "train.global_batch_size 32 16");
  CHECK(refused({"data.train=[b.txt]", "data.seq_length=128"}) == "data.train [a.txt] [b.txt]; data.seq_length 256 128");
  CHECK(refused({"data.tokenizer=bytes"}) == "data.tokenizer {type: bpe, vocab_size: 4096} {type: bytes}");
  CHECK(refused({"model.num_attention_heads=2", "model.head_dim=16"}) == "model.num_attention_heads 4 2; model.num_key_value_heads 4 2");
  CHECK(refused({"stages.dense.max_steps=11"}) == "stages.dense.max_steps 10 11");
  CHECK(refused({"stages.sparse.moe.aux_loss_coef=1"}, 1) == "stages.sparse.moe.aux_loss_coef 0.001 1");
  CHECK(refused({"stages.dense.train.learning_rate=0.5"}, 1) == "stages.dense.train.learning_rate 0.001 0.5");
  CHECK(refused({"stages.dense.train.lr_scheduler=wsd"}) == "stages.dense.train.lr_scheduler the shared horizon its own horizon");
  CHECK(refused({"stages.dense.name=first"}) == "stages [dense] [first]");
}

TEST_CASE("a change at the top level that no reached stage takes over may be made") {
  const std::string own = kHead + "  - {name: dense, type: pretrain, max_steps: 10, train: {learning_rate: 0.5}}\n" + kSparse;
  const Recipe before = read_text_recipe(own);
  const Recipe after = read_text_recipe(own, {"train.learning_rate=0.25"});
  CHECK(compare_for_restart(before, after, 0).empty());
  REQUIRE(compare_for_restart(before, after, 1).size() == 1);
  CHECK(compare_for_restart(before, after, 1)[0].key == "train.learning_rate");
}

TEST_CASE("a reached stage may not disappear, a later one may") {
  const Recipe before = read_text_recipe(kHead + kDense + kSparse);
  const Recipe shorter = read_text_recipe(kHead + kDense);
  CHECK(compare_for_restart(before, shorter, 0).empty());
  REQUIRE(compare_for_restart(before, shorter, 1).size() == 1);
  CHECK(compare_for_restart(before, shorter, 1)[0].old_value == "[dense, sparse]");
  CHECK(compare_for_restart(shorter, before, 0).empty());
}

TEST_CASE("a recipe without the place where the run stands is told so") {
  const Recipe recipe = read_text_recipe(kHead + kDense + kSparse);
  const std::string end = ": restore the stages that were trained, or start a new run under another name";
  CHECK(describe_lost_place(recipe, {1, "sparse", 10}).empty());
  CHECK(describe_lost_place(recipe, {0, "dense", 0}).empty());
  CHECK(describe_lost_place(recipe, {2, "wide", 4}) ==
        "the run is at step 4 of its stage 3, 'wide', and the recipe has the stages [dense, sparse]" + end);
  CHECK(describe_lost_place(recipe, {0, "first", 4}) ==
        "the run is at step 4 of its stage 1, 'first', and the recipe has the stages [dense, sparse]" + end);
  CHECK(describe_lost_place(recipe, {1, "sparse", 11}) ==
        "the run is at step 11 of its stage 2, 'sparse', and the recipe gives it 10 steps" + end);
  CHECK(!describe_lost_place(recipe, {-1, "dense", 1}).empty());
}

TEST_CASE("one line names every difference") {
  CHECK(describe({{"seed", "17", "18"}, {"init_from", "nothing", "a"}}, false) ==
        "the recipe changed since the run was started: seed was 17, is 18; init_from was nothing, is a; only parallel, "
        "device, train.micro_batch_size, train.recompute, checkpoint, intervals and stages "
        "not yet reached may change: restore it, or start a new run under another name");
}

TEST_CASE("of a finished run no stage is said to be open to change") {
  CHECK(describe({{"stages", "[dense, sparse]", "[dense, wide]"}}, true) ==
        "the recipe changed since the run was started: stages was [dense, sparse], is [dense, wide]; only parallel, "
        "device, train.micro_batch_size, train.recompute, checkpoint and intervals may change: restore it, or start a new run under "
        "another name");
}

TEST_CASE("a record from before router_init reads as normal rows, as such a run began") {
  const std::string now = dump(read_text_recipe(kJob));
  const Scratch scratch;
  std::string then;
  std::istringstream lines(now);
  for (std::string line; std::getline(lines, line);)
    if (line.find("router_init:") == std::string::npos) then += line + '\n';
  scratch.write("then.yaml", then);
  CHECK(read_recipe("then.yaml").stages[1].moe->router_init == moe::RouterInit::kNormal);
}
