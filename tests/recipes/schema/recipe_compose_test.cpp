// extends, overrides, and the values that come out.
#include "recipes/schema/reading.hpp"
#include "tests/recipes/schema/scratch.hpp"
#include "tests/support/catch.hpp"

using namespace sluice;
using namespace sluice::recipes;
using namespace sluice::recipes::test;

TEST_CASE("defaults are those of the structs") {
  const Recipe r = read_text_recipe("name: x\ndata: {train: a.txt}\nstages: [{name: d, type: pretrain, max_steps: 1}]\n");
  Recipe expected;
  expected.name = "x";
  expected.data.train = {{"a.txt", 1.0}};
  Stage stage;
  stage.name = "d";
  stage.max_steps = 1;
  stage.data = expected.data;
  expected.stages = {stage};
  CHECK(r == expected);
  CHECK(r.directory() == "runs/x");
}

TEST_CASE("every kind of value is read") {
  const Recipe r = read_text_recipe(
      "name: x.y-1\nrun_dir: some where\nseed: 18446744073709551615\ndtype: float64\ndevice: cpu\nlog_interval: 3\neval_interval: 4\n"
      "data:\n  train: [a.txt, {path: 'b/*.jsonl.gz', weight: 0.5}]\n  validation: [c]\n  validation_split: 0.25\n  eval_sequences: 5\n  "
      "text_key: body\n"
      "  invalid_utf8: error\n  tokenizer: {path: t.json}\n  seq_length: 7\n  order: contiguous\n"
      "model: {hidden_size: 60, num_attention_heads: 6, num_key_value_heads: 3, qk_norm: false, rope_theta: 5.0e+5, rms_norm_eps: 1e-5, "
      "tie_word_embeddings: false}\n"
      "train: {lr_scheduler: cosine, max_grad_norm: 0, learning_rate: +2e-3}\nparallel: {backend: mpi, exchange: flat, timeout_seconds: "
      "1.5, threads: 2}\n"
      "checkpoint: {save_interval: 8, keep: 9}\nstages: [{name: d, type: pretrain, max_steps: 1}]\n");
  CHECK(r.name == "x.y-1");
  CHECK(r.directory() == "some where");
  CHECK(r.seed == ~std::uint64_t{0});
  CHECK(r.dtype == DType::kFloat64);
  CHECK(r.device == Device::kCpu);
  CHECK(r.data.train == std::vector<DataSource>{{"a.txt", 1.0}, {"b/*.jsonl.gz", 0.5}});
  CHECK(r.data.validation_split == 0.25);
  CHECK(r.data.tokenizer == TokenizerConfig{TokenizerType::kFile, 4096, "t.json"});
  CHECK(r.data.order == data::Order::kContiguous);
  CHECK(r.data.invalid_utf8 == data::InvalidUtf8::kError);
  CHECK(r.model.head_dim == 10);
  CHECK(r.model.num_key_value_heads == 3);
  CHECK(r.model.intermediate_size == 240);
  CHECK(r.model.qk_norm == QkNorm::kNone);
  CHECK(r.model.rope_theta == 5e5);
  CHECK(r.train.lr_scheduler == LrShape::kCosine);
  CHECK(r.train.learning_rate == 2e-3);
  CHECK(r.parallel.backend == parallel::CommBackend::kMpi);
  CHECK(r.checkpoint.keep == 9);
  CHECK(read_text_recipe(kHead + kDense, {"model.qk_norm=true"}).model.qk_norm == QkNorm::kHead);
  CHECK(read_text_recipe(kHead + kDense + "train:\n").train == TrainConfig{});  // everything in it commented out
}

TEST_CASE("anchors and aliases are expanded") {
  const Recipe r = read_text_recipe("name: x\ndata: {train: &files [a, b], validation: *files}\nstages:\n" + kDense);
  CHECK(r.data.validation == r.data.train);
  CHECK(r.data.validation.size() == 2);
}

TEST_CASE("merge keys merge as YAML 1.1 says") {
  const std::string stages =
      "stages:\n  - &d {name: dense, type: pretrain, max_steps: 10, train: {learning_rate: 0.5, weight_decay: 0.25}}\n"
      "  - {<<: *d, name: more}\n  - {name: last, <<: *d, max_steps: 3, train: {weight_decay: 0.125}}\n";
  const Recipe r = read_text_recipe("name: x\ndata: {train: [a]}\n" + stages);
  REQUIRE(r.stages.size() == 3);
  CHECK(r.stages[1].name == "more");
  CHECK(r.stages[1].max_steps == 10);
  CHECK(r.stages[1].train.learning_rate == 0.5);
  // Own keys win wherever they stand, and are not merged deeper.
  CHECK(r.stages[2].max_steps == 3);
  CHECK(r.stages[2].train.weight_decay == 0.125);
  CHECK(r.stages[2].train.learning_rate == TrainConfig{}.learning_rate);
  // Of a list of maps the earlier wins; a merged map may be made by merging, and be a holder's.
  const Recipe held = read_text_recipe(
      "x-one: &one {learning_rate: 0.5, weight_decay: 0.5}\nx-two:\n  - &two {<<: *one, learning_rate: 0.25, warmup_steps: 7}\n"
      "name: x\ndata: {train: [a]}\ntrain:\n  <<: [*two, *one, {adam_eps: 0.1, warmup_steps: 9}]\n  adam_beta1: 0.5\nstages:\n" +
      kDense);
  CHECK(held.train.learning_rate == 0.25);
  CHECK(held.train.weight_decay == 0.5);
  CHECK(held.train.warmup_steps == 7);
  CHECK(held.train.adam_eps == 0.1);
  CHECK(held.train.adam_beta1 == 0.5);
  // A mistake is named where it was written.
  CHECK(refusal("x-t: &t\n  lr: 1\nname: x\ndata: {train: [a]}\ntrain:\n  <<: *t\nstages:\n" + kDense) ==
        "x.yaml:2:3: unknown key 'lr' in 'train'; did you mean 'learning_rate'?");
  CHECK(refusal("name: x\ntrain: {<<: 3}\n") == "x.yaml:2:9: '<<' merges a map, or a list of maps, found '3'");
  CHECK(refusal("a: &a [1]\ntrain: {<<: [{}, *a]}\n") == "x.yaml:2:9: '<<' merges a map, or a list of maps, found a list");
  CHECK(refusal("train: {<<: {seed: 1}, <<: {seed: 2}}\n") ==
        "x.yaml:1:24: duplicate key '<<' (first at line 1); it takes several maps as a list");
  CHECK(refusal("train: {<<: }\n") == "x.yaml:1:9: '<<' merges a map, or a list of maps, found nothing");
  CHECK(refusal("name: x\n\"<<\": {seed: 1}\n").find("x.yaml:2:1: unknown key '<<'") == 0);  // in quotes it is a key like any
  CHECK(refusal("a: &a {<<: *a}\n").find("x.yaml:1:12: an alias inside the value it stands for") == 0);
}

TEST_CASE("keys x-... at the top level of a file hold what is anchored and are passed over") {
  const Scratch scratch;
  scratch.write("base.yaml", "x-any: [1, {zzz: &w 0.25}]\nx-: nothing\n" + kHead + kDense + "train: {weight_decay: *w}\n");
  scratch.write("top.yaml", "extends: base.yaml\nx-any: {other: shape}\n");
  CHECK(read_recipe("top.yaml").train.weight_decay == 0.25);
  CHECK(read_recipe("top.yaml") == read_recipe("base.yaml"));
  scratch.write("deep.yaml", "extends: base.yaml\ntrain: {x-any: 1}\n");
  CHECK(refusal_of_file("deep.yaml") ==
        "deep.yaml:2:9: unknown key 'x-any' in 'train': keys that are passed over (x-...) stand at the top level of a file");
  // Anchors are of one file.
  scratch.write("across.yaml", "extends: base.yaml\ntrain: {weight_decay: *w}\n");
  CHECK(refusal_of_file("across.yaml") ==
        "across.yaml:2:23: YAML syntax: no anchor stands above the alias '*w'; anchors are of one file, and 'extends' takes over the maps "
        "of another");
  scratch.write("later.yaml", "name: x\nstages:\n  - {<<: [*d], name: e}\n  - &d {name: d}\n");
  CHECK(refusal_of_file("later.yaml").find("later.yaml:3:11: YAML syntax: no anchor stands above the alias '*d';") == 0);
}

TEST_CASE("extends merges maps, replaces lists, and is relative to the file that says it") {
  const Scratch scratch;
  scratch.write("base/base.yaml", kHead + kDense + kSparse + "train: {learning_rate: 0.5, weight_decay: 0.25}\nseed: 3\n");
  scratch.write("base/middle.yaml", "extends: base.yaml\ntrain: {learning_rate: 0.125}\ndata: {train: [b.txt, c.txt]}\n");
  scratch.write("top.yaml", "extends: base/middle.yaml\nname: top\nstages:\n" + kDense + "train:\n");
  const Recipe r = read_recipe("top.yaml");
  CHECK(r.name == "top");
  CHECK(r.seed == 3);
  CHECK(r.train.learning_rate == 0.125);
  CHECK(r.train.weight_decay == 0.25);
  CHECK(r.data.train == std::vector<DataSource>{{"b.txt", 1.0}, {"c.txt", 1.0}});
  CHECK(r.stages.size() == 1);
  // A mistake is named where it stands, not where it is taken over.
  scratch.write("base/middle.yaml", "extends: base.yaml\ntrain: {lr: 0.125}\n");
  CHECK(refusal_of_file("top.yaml") == "base/middle.yaml:2:9: unknown key 'lr' in 'train'; did you mean 'learning_rate'?");
}

TEST_CASE("extends that leads nowhere or in a circle") {
  const Scratch scratch;
  scratch.write("a.yaml", "name: a\nextends: b.yaml\n");
  scratch.write("b.yaml", "extends: folder/c.yaml\n");
  scratch.write("folder/c.yaml", "extends: ../a.yaml\n");
  CHECK(refusal_of_file("a.yaml") == "folder/c.yaml:1:10: extends goes in a circle: a.yaml -> b.yaml -> c.yaml -> a.yaml");
  scratch.write("self.yaml", "extends: self.yaml\n");
  CHECK(refusal_of_file("self.yaml") == "self.yaml:1:10: extends goes in a circle: self.yaml -> self.yaml");
  scratch.write("lost.yaml", "extends: gone.yaml\n");
  CHECK(refusal_of_file("lost.yaml") == "lost.yaml:1:10: extends gone.yaml: cannot be read: No such file or directory");
  scratch.write("list.yaml", "extends: [a.yaml]\n");
  CHECK(refusal_of_file("list.yaml") == "list.yaml:1:10: 'extends' must be the path of a recipe, found a list");
  scratch.write("to_folder.yaml", "extends: folder\n");
  CHECK(refusal_of_file("to_folder.yaml") == "to_folder.yaml:1:10: extends folder: is a folder, not a recipe");
}

TEST_CASE("overrides win, in order, and reach stages by name") {
  const std::string text = kHead + kDense + kSparse;
  const Recipe r = read_text_recipe(text, {"seed=5", "seed=6", "train.learning_rate=1e-2", "stages.dense.max_steps=20",
                                           "stages.sparse.moe.top_k=3", "data.train=[p.txt, q.txt]", "train={weight_decay: 0.5}",
                                           "stages.dense.train.lr_scheduler=cosine", "parallel.expert=2", "name=other"});
  CHECK(r.name == "other");
  CHECK(r.seed == 6);
  CHECK(r.train.learning_rate == 0.01);
  CHECK(r.train.weight_decay == 0.5);
  CHECK(r.stages[0].max_steps == 20);
  CHECK(r.stages[0].own_lr_schedule);
  CHECK(r.stages[1].moe->top_k == 3);
  CHECK(r.data.train.size() == 2);
  CHECK(r.parallel.expert == 2);
  CHECK(r.stages[1].parallel.expert == 2);
  CHECK(read_text_recipe(text, {"data.train=p.txt"}).data.train == std::vector<DataSource>{{"p.txt", 1.0}});
  CHECK(read_text_recipe(text, {"run_dir=a=b"}).run_dir == "a=b");
}

TEST_CASE("overrides that are wrong are quoted") {
  const auto with = [](const std::string& override_text) { return refusal(kHead + kDense, {override_text}); };
  CHECK(with("train.learning_rat=1") ==
        "override 'train.learning_rat=1': unknown key 'learning_rat' in 'train'; did you mean 'learning_rate'?");
  CHECK(with("trian.learning_rate=1") == "override 'trian.learning_rate=1': unknown key 'trian'; did you mean 'train'?");
  CHECK(with("stages.dense.max_steps=ten") == "override 'stages.dense.max_steps=ten': 'max_steps' must be an integer, found 'ten'");
  CHECK(with("stages.dens.max_steps=2") == "override 'stages.dens.max_steps=2': no stage is called 'dens'; did you mean 'dense'?");
  CHECK(with("stages.sparse.max_steps=2") == "override 'stages.sparse.max_steps=2': no stage is called 'sparse'; stages: dense");
  CHECK(with("stages.dense=2") == "override 'stages.dense=2': expected stages.NAME.key=value, found no key after 'dense'");
  CHECK(with("learning_rate") ==
        "override 'learning_rate': expected section.key=value, for example train.learning_rate=1e-3 or stages.NAME.max_steps=20");
  CHECK(with("=3") == "override '=3': expected section.key=value, for example train.learning_rate=1e-3 or stages.NAME.max_steps=20");
  CHECK(with("train..lr=3") ==
        "override 'train..lr=3': expected section.key=value, for example train.learning_rate=1e-3 or stages.NAME.max_steps=20");
  CHECK(with("seed=") == "override 'seed=': 'seed' must be an integer, found nothing");
  CHECK(with("seed=[1") == "override 'seed=[1': YAML syntax: end of sequence flow not found");
  CHECK(with("name.x=1") == "override 'name.x=1': 'name' must be text, found a map");
  CHECK(with("train=fast") == "override 'train=fast': 'train' must be a map, found 'fast'");
  CHECK(with("extends=b.yaml") == "override 'extends=b.yaml': 'extends' is said in a file, not on the command line");
  CHECK(with("parallel.exchange=hierarchical") ==
        "override 'parallel.exchange=hierarchical': 'exchange: hierarchical' is not available in this build; available: auto, local, flat");
  CHECK(refusal("name: x\ndata: {train: [a]}\n", {"stages.dense.max_steps=3"}) ==
        "override 'stages.dense.max_steps=3': no stage is called 'dense'; the recipe has no stages");
}

TEST_CASE("another kind of tokenizer drops what belonged to the first") {
  const std::string text = "name: x\ndata: {train: [a], tokenizer: {type: bpe, vocab_size: 512}}\nstages:\n" + kDense;
  using Overrides = std::vector<std::string>;
  const auto tokenizer = [&](const Overrides& overrides) { return read_text_recipe(text, overrides).data.tokenizer; };
  CHECK(tokenizer({}) == TokenizerConfig{TokenizerType::kBpe, 512, ""});
  CHECK(tokenizer({"data.tokenizer=bytes"}) == TokenizerConfig{TokenizerType::kBytes, 4096, ""});
  CHECK(tokenizer({"data.tokenizer.type=bytes"}) == TokenizerConfig{TokenizerType::kBytes, 4096, ""});
  CHECK(tokenizer({"data.tokenizer.path=t.json"}) == TokenizerConfig{TokenizerType::kFile, 4096, "t.json"});
  CHECK(tokenizer({"data.tokenizer.path=t.json", "data.tokenizer.type=file"}) == TokenizerConfig{TokenizerType::kFile, 4096, "t.json"});
  CHECK(tokenizer({"data.tokenizer={path: t.json}", "data.tokenizer={type: bpe}"}) == TokenizerConfig{TokenizerType::kBpe, 4096, ""});
  CHECK(tokenizer({"data.tokenizer=bpe", "data.tokenizer.vocab_size=300"}) == TokenizerConfig{TokenizerType::kBpe, 300, ""});
  const Scratch scratch;
  scratch.write("base.yaml", text);
  scratch.write("top.yaml", "extends: base.yaml\ndata: {tokenizer: {path: t.json}}\n");
  CHECK(read_recipe("top.yaml").data.tokenizer == TokenizerConfig{TokenizerType::kFile, 4096, "t.json"});
}

TEST_CASE("init_from: the model comes from there and differing keys are refused by name") {
  InitialModel initial;
  initial.model.hidden_size = 96;
  initial.model.num_layers = 3;
  initial.model.intermediate_size = 200;
  initial.model.vocab_size = 1234;
  initial.tokenizer_path = "ckpt/tokenizer.json";
  const InitialModelReader reader = [&](const std::string& path, const std::filesystem::path& run) {
    CHECK(path == "ckpt");
    CHECK(run == "runs/x");
    return initial;
  };
  const std::string start = "name: x\ninit_from: ckpt\ndata: {train: [a]}\n";
  const Recipe r = read_text_recipe(start + "stages:\n" + kSparse, {}, reader);
  CHECK(r.model.hidden_size == 96);
  CHECK(r.model.vocab_size == 0);
  CHECK(r.stages[0].moe->expert_hidden_size == 200);
  CHECK(r.stages[0].moe->layers == std::vector<std::int64_t>{0, 1, 2});
  CHECK(r.data.tokenizer == TokenizerConfig{TokenizerType::kFile, 4096, "ckpt/tokenizer.json"});
  const auto refused = [&](const std::string& text, const std::vector<std::string>& overrides = {}) {
    const Scratch scratch;
    scratch.write("x.yaml", text);
    return refusal_of_file("x.yaml", overrides, reader);
  };
  CHECK(refused(start + "model: {hidden_size: 96, num_layers: 4}\nstages:\n" + kDense) ==
        "x.yaml:4:38: 'num_layers' is 4 here and 3 in init_from 'ckpt'; the model comes from there, leave it out");
  CHECK(refused(start + "model: {moe: {top_k: 2}}\nstages:\n" + kDense) ==
        "x.yaml:4:9: 'moe' is said here and init_from 'ckpt' is dense; use a sparsify stage");
  CHECK(refused(start + "stages:\n" + kDense, {"data.tokenizer=bytes"}) ==
        "override 'data.tokenizer=bytes': 'tokenizer' comes from init_from 'ckpt' (ckpt/tokenizer.json); leave it out");
  CHECK(refused(start + "stages:\n" + kDense, {"data.tokenizer={path: other.json}"}) ==
        "override 'data.tokenizer={path: other.json}': 'tokenizer' comes from init_from 'ckpt' (ckpt/tokenizer.json); leave it out");
  {
    const Scratch scratch;
    scratch.write("ckpt/tokenizer.json", "{}");
    scratch.write("copy.json", "{}");
    scratch.write("x.yaml", start + "stages:\n" + kDense);
    const Recipe same = read_recipe("x.yaml", {"data.tokenizer={path: copy.json}"}, reader);
    CHECK(same.data.tokenizer.path == "ckpt/tokenizer.json");
  }
  initial.tokenizer_path.clear();
  CHECK(refused(start + "stages:\n" + kDense).find("init_from 'ckpt' has no tokenizer.json: say which its ids are of in data.tokenizer") !=
        std::string::npos);
  initial.tokenizer_path = "ckpt/tokenizer.json";
  initial.moe.emplace();
  initial.moe->expert_hidden_size = 50;
  initial.moe->layers = {1};
  initial.moe->family_size = 2;
  const Recipe sparse = read_text_recipe(start + "model: {moe: {aux_loss_coef: 0.5, top_k: 2}}\nstages:\n" + kFlat, {}, reader);
  CHECK(sparse.initial_moe->aux_loss_coef == 0.5);
  CHECK(sparse.stages[0].moe->family_size == 1);
  CHECK(refused(start + "model: {moe: {num_experts: 16}}\nstages:\n" + kDense) ==
        "x.yaml:4:28: 'num_experts' is 16 here and 8 in init_from 'ckpt'; the model comes from there, leave it out");
  // Without a reader values are still checked, shapes are not.
  CHECK(refusal(start + "stages:\n" + kSparse + kFlat).empty());
  CHECK(refusal(start + "stages:\n" + kSparse, {"stages.sparse.moe.top_q=2"}) ==
        "override 'stages.sparse.moe.top_q=2': unknown key 'top_q' in 'moe'; did you mean 'top_k'?");
}
