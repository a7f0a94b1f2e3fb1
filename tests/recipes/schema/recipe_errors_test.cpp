// Every refusal of single values and files, as the exact line.
#include "core/base/random.hpp"
#include "tests/recipes/schema/scratch.hpp"
#include "tests/support/catch.hpp"

using namespace sluice::recipes::test;

TEST_CASE("unknown keys are named with place, section and what was probably meant") {
  CHECK(refusal("name: x\nsead: 3\n") == "x.yaml:2:1: unknown key 'sead'; did you mean 'seed'?");
  CHECK(refusal(kHead + kDense + "  - name: s\n    type: sparsify\n    max_steps: 5\n    moe:\n      num_expert: 4\n") ==
        "x.yaml:10:7: unknown key 'num_expert' in 'moe'; did you mean 'num_experts'?");
  CHECK(refusal(kHead + "  - {name: dense, type: pretrain, max_step: 3}\n") ==
        "x.yaml:5:35: unknown key 'max_step' in stage 'dense'; did you mean 'max_steps'?");
  CHECK(refusal(kHead + kDense + "zzzz: 1\n") ==
        "x.yaml:6:1: unknown key 'zzzz'; known: name, run_dir, seed, dtype, device, init_from, log_interval, eval_interval, "
        "balance_window, allow_schedule_change, "
        "extends, data, "
        "model, train, parallel, "
        "stages, checkpoint");
  CHECK(refusal(kHead + kDense + "checkpoint: {keep: 3, qqqq: 4}\n") ==
        "x.yaml:6:23: unknown key 'qqqq' in 'checkpoint'; known: save_interval, keep");
  CHECK(refusal("name: x\ndata: {train: [{path: a, wheight: 2}]}\nstages: []\n") ==
        "x.yaml:2:26: unknown key 'wheight' in a source of 'train'; did you mean 'weight'?");
  CHECK(refusal("name: x\ndata: {train: [a], tokenizer: {typ: bpe}}\nstages: []\n") ==
        "x.yaml:2:32: unknown key 'typ' in 'tokenizer'; did you mean 'type'?");
}

TEST_CASE("names of other frameworks are recognised") {
  const auto train = [](const std::string& key) { return refusal(kHead + kDense + "train: {" + key + ": 1}\n"); };
  const auto meant = [](const std::string& key, const std::string& name) {
    return "x.yaml:6:9: unknown key '" + key + "' in 'train'; did you mean '" + name + "'?";
  };
  CHECK(train("lr") == meant("lr", "learning_rate"));
  CHECK(train("clip-grad") == meant("clip-grad", "max_grad_norm"));
  CHECK(train("per_device_train_batch_size") == meant("per_device_train_batch_size", "micro_batch_size"));
  CHECK(train("Learning_Rate") == meant("Learning_Rate", "learning_rate"));
  CHECK(train("seq_len") == meant("seq_len", "data.seq_length"));
  CHECK(train("max_steps") == meant("max_steps", "stages.NAME.max_steps"));
  CHECK(train("train-iters") == meant("train-iters", "stages.NAME.max_steps"));
  CHECK(train("expert-model-parallel-size") == meant("expert-model-parallel-size", "parallel.expert"));
  CHECK(train("gradient_accumulation_steps") ==
        "x.yaml:6:9: unknown key 'gradient_accumulation_steps' in 'train': accumulation is derived from global_batch_size, "
        "micro_batch_size and the ranks");
  CHECK(refusal(kHead + "  - {name: s, type: sparsify, max_steps: 5, moe: {num_experts_per_tok: 2}}\n") ==
        "x.yaml:5:51: unknown key 'num_experts_per_tok' in 'moe'; did you mean 'top_k'?");
  CHECK(refusal(kHead + "  - {name: s, type: sparsify, max_steps: 5, learning_rate: 2}\n") ==
        "x.yaml:5:45: unknown key 'learning_rate' in stage 's'; did you mean 'train.learning_rate'?");
  CHECK(refusal(kHead + "  - {name: s, type: pretrain, max_steps: 5, balance_window: 10}\n") ==
        "x.yaml:5:45: unknown key 'balance_window' in stage 's'; 'balance_window' stands at the top level");
  CHECK(refusal("training: {lr: 1}\n") == "x.yaml:1:1: unknown key 'training'; did you mean 'train'?");
  CHECK(refusal("num_hidden_layers: 1\n") == "x.yaml:1:1: unknown key 'num_hidden_layers'; did you mean 'model.num_layers'?");
}

TEST_CASE("mistyped values say what was expected and found") {
  CHECK(refusal("name: x\nseed: 17\nlog_interval: ten\n") == "x.yaml:3:15: 'log_interval' must be an integer, found 'ten'");
  CHECK(refusal("log_interval: \"10\"\n") == "x.yaml:1:15: 'log_interval' must be an integer, found the string '10'");
  CHECK(refusal("log_interval: 10.0\n") == "x.yaml:1:15: 'log_interval' must be an integer, found '10.0'");
  CHECK(refusal("log_interval:\n") == "x.yaml:1:1: 'log_interval' must be an integer, found nothing");
  CHECK(refusal("log_interval: [1]\n") == "x.yaml:1:15: 'log_interval' must be an integer, found a list");
  CHECK(refusal("log_interval: {a: 1}\n") == "x.yaml:1:15: 'log_interval' must be an integer, found a map");
  CHECK(refusal(kHead + kDense + "train: {learning_rate: fast}\n") == "x.yaml:6:24: 'learning_rate' must be a number, found 'fast'");
  CHECK(refusal(kHead + kDense + "train: {learning_rate: nan}\n") == "x.yaml:6:24: 'learning_rate' must be a finite number, found 'nan'");
  CHECK(refusal(kHead + kDense + "train: {learning_rate: 1e999}\n") ==
        "x.yaml:6:24: 'learning_rate' must be a number that a double can hold, found '1e999'");
  CHECK(refusal("name: [x]\n") == "x.yaml:1:7: 'name' must be text, found a list");
  CHECK(refusal("name: x/../y\n") == "x.yaml:1:7: 'name' must be letters, digits, '_', '-' and '.', found 'x/../y'");
  CHECK(refusal("name: ../y\n") == "x.yaml:1:7: 'name' must be letters, digits, '_', '-' and '.', found '../y'");
  CHECK(refusal(kHead + "  - {name: a.b, type: pretrain, max_steps: 3}\n") ==
        "x.yaml:5:12: 'name' must be letters, digits, '_', '-', found 'a.b'");
  CHECK(refusal("dtype: fp32\n") == "x.yaml:1:8: 'dtype' must be one of float32, bfloat16, float64, found 'fp32'; did you mean 'float32'?");
  CHECK(refusal("dtype: blue\n") == "x.yaml:1:8: 'dtype' must be one of float32, bfloat16, float64, found 'blue'");
  CHECK(refusal("name: x\ndata: {train: [a.txt]}\nmodel: {tie_word_embeddings: yes}\nstages: []\n") ==
        "x.yaml:3:30: 'tie_word_embeddings' must be true or false, found 'yes'");
  CHECK(refusal("name: x\ndata: {train: [[a]]}\nstages: []\n") ==
        "x.yaml:2:16: a source of 'train' must be a path or {path: ..., weight: ...}, found a list");
  CHECK(refusal("name: x\ndata: {train: }\nstages: []\n") == "x.yaml:2:8: 'train' must be a list of paths, found nothing");
  CHECK(refusal("name: x\ndata: {train: [{weight: 2}]}\nstages: []\n") == "x.yaml:2:16: a source of 'train' has no path");
  CHECK(refusal("name: x\ndata: nothing\nstages: []\n") == "x.yaml:2:7: 'data' must be a map, found 'nothing'");
  CHECK(refusal(kHead + kDense + "train: [1]\n") == "x.yaml:6:8: 'train' must be a map, found a list");
  CHECK(refusal("name: x\ndata: {train: [a]}\nstages: dense\n") == "x.yaml:3:9: 'stages' must be a list of stages, found 'dense'");
  CHECK(refusal("name: x\ndata: {train: [a]}\nstages: [dense]\n") == "x.yaml:3:10: a stage must be a map, found 'dense'");
}

TEST_CASE("out-of-range values come with the range") {
  const auto train = [](const std::string& pair) { return refusal(kHead + kDense + "train: {" + pair + "}\n"); };
  CHECK(train("decay_fraction: 1.5") == "x.yaml:6:25: 'decay_fraction' must be between 0 and 1, found '1.5'");
  CHECK(train("adam_beta1: 1") == "x.yaml:6:21: 'adam_beta1' must be at least 0 and below 1, found '1'");
  CHECK(train("learning_rate: 0") == "x.yaml:6:24: 'learning_rate' must be above 0, found '0'");
  CHECK(train("weight_decay: -1") == "x.yaml:6:23: 'weight_decay' must be at least 0, found '-1'");
  CHECK(train("global_batch_size: 0") == "x.yaml:6:28: 'global_batch_size' must be between 1 and 1073741824, found '0'");
  CHECK(train("global_batch_size: 99999999999999999999") ==
        "x.yaml:6:28: 'global_batch_size' must be between 1 and 1073741824, found '99999999999999999999'");
  CHECK(refusal("seed: -1\n") == "x.yaml:1:7: 'seed' must be between 0 and 18446744073709551615, found '-1'");
  CHECK(refusal("seed: 18446744073709551616\n") ==
        "x.yaml:1:7: 'seed' must be between 0 and 18446744073709551615, found '18446744073709551616'");
  CHECK(refusal("name: x\ndata: {train: [{path: a, weight: 0}]}\nstages: []\n") == "x.yaml:2:34: 'weight' must be above 0, found '0'");
}

TEST_CASE("values of the contract that this build lacks are refused as such") {
  const auto parallel = [](const std::string& pair) { return refusal(kHead + kDense + "parallel: {" + pair + "}\n"); };
  CHECK(parallel("exchange: hierarchical") ==
        "x.yaml:6:22: 'exchange: hierarchical' is not available in this build; available: auto, local, flat");
  CHECK(parallel("backend: nccl") == "x.yaml:6:21: 'backend: nccl' is not available in this build; available: auto, loopback, mpi");
  CHECK(parallel("overlap: true") == "x.yaml:6:21: 'overlap: true' is not available in this build; available: false");
  CHECK(parallel("chunks: 4") == "x.yaml:6:20: 'chunks: 4' is not available in this build; available: auto, 1");
  CHECK(parallel("wire_dtype: bfloat16") == "x.yaml:6:24: 'wire_dtype: bfloat16' is not available in this build; available: same");
  CHECK(parallel("shard_optimizer: true") == "x.yaml:6:29: 'shard_optimizer: true' is not available in this build; available: false");
  CHECK(refusal("device: gpu\n") == "x.yaml:1:9: 'device' must be one of auto, cpu, cuda, found 'gpu'; did you mean 'cuda'?");
  CHECK(refusal(kHead + "  - {name: s, type: distil, max_steps: 5}\n") ==
        "x.yaml:5:21: 'type: distil' is not available in this build; available: pretrain, sparsify, grow, flatten");
  CHECK(refusal(kHead + "  - {name: s, type: upcycle, max_steps: 5}\n") ==
        "x.yaml:5:21: 'type' must be one of pretrain, sparsify, grow, flatten, found 'upcycle'; did you mean 'sparsify'?");
  CHECK(parallel("overlap: false, chunks: 1, wire_dtype: same, shard_optimizer: false").empty());
}

TEST_CASE("what is missing is named") {
  CHECK(refusal("seed: 1\n") == "x.yaml: 'name' is missing; a recipe needs at least name, data.train and stages");
  CHECK(refusal("name: x\nstages: []\n") == "x.yaml: 'data' is missing; a recipe needs at least name, data.train and stages");
  CHECK(refusal("name: x\ndata: {}\nstages: []\n") ==
        "x.yaml: 'data.train' is missing; a recipe needs at least name, data.train and stages");
  CHECK(refusal("name: x\ndata: {train: [a]}\n") == "x.yaml: 'stages' is missing; a recipe needs at least name, data.train and stages");
  CHECK(refusal("name: x\ndata: {train: []}\nstages: []\n") == "x.yaml:2:15: 'data.train' names no text");
  CHECK(refusal("name: x\ndata: {train: [a]}\nstages: []\n") ==
        "x.yaml:3:9: 'stages' is empty; a recipe needs at least one, for example {name: dense, type: pretrain, max_steps: 300}");
  CHECK(refusal(kHead + "  - {type: pretrain, max_steps: 5}\n") == "x.yaml:5:5: 'name' is missing in a stage");
  CHECK(refusal(kHead + "  - {name: dense, max_steps: 5}\n") == "x.yaml:5:5: 'type' is missing in stage 'dense'");
  CHECK(refusal(kHead + "  - {name: dense, type: pretrain}\n") == "x.yaml:5:5: 'max_steps' is missing in stage 'dense'");
}

TEST_CASE("YAML that is none, or is ambiguous, is refused with its place") {
  CHECK(refusal("name: x\nseed: 1\nseed: 2\n") == "x.yaml:3:1: duplicate key 'seed' (first at line 2)");
  CHECK(refusal("name: x\ntrain: {learning_rate: 1, learning_rate: 2}\n") ==
        "x.yaml:2:27: duplicate key 'learning_rate' (first at line 2)");
  CHECK(refusal("name: [x\nseed: 1\n").find("x.yaml:2:5: YAML syntax: ") == 0);
  CHECK(refusal("name: x\n\tseed: 1\n").find("x.yaml:2:") == 0);
  CHECK(refusal("train:\n\tseed: 1\n").find("; line 2 holds a tab, YAML wants spaces") != std::string::npos);
  CHECK(refusal("a: b: c\n").find("x.yaml:1:5: YAML syntax: ") == 0);
  CHECK(refusal("name: x\n---\nname: y\n") == "x.yaml:2:1: a second YAML document; a recipe is one");
  CHECK(refusal("name: !include y\n") == "x.yaml:1:7: YAML tag '!include' means nothing here");
  CHECK(refusal("[a]: 1\n") == "x.yaml:1:1: a key must be a word");
  CHECK(refusal("just words\n") == "x.yaml:1:1: a recipe is a map of keys, found 'just words'");
  CHECK(refusal("- a\n- b\n") == "x.yaml:1:1: a recipe is a map of keys, found a list");
  CHECK(refusal("a: &a [*a]\n").find("x.yaml:1:8: ") == 0);
  CHECK(refusal(std::string("na\0me: x\n", 9)) == "x.yaml: is not text: it holds a zero byte");
  CHECK(refusal("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n") ==
        "x.yaml: a Git LFS pointer, not a recipe: git lfs pull");
  CHECK(refusal("\xFF\xFEn") == "x.yaml: UTF-16 text, not a recipe: iconv -f UTF-16 -t UTF-8");
  // Nine lists of nine aliases each are a billion values.
  std::string laughs = "a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1]\n";
  for (int i = 1; i < 9; ++i) {
    std::string list;
    for (int j = 0; j < 9; ++j) list += (j ? ", *a" : "*a") + std::to_string(i - 1);
    laughs += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" + list + "]\n";
  }
  CHECK(refusal(laughs).find("more than 100000 values; this is no recipe") != std::string::npos);
}

TEST_CASE("files that are no recipe") {
  const Scratch scratch;
  scratch.write("empty.yaml", "");
  scratch.write("comment.yaml", "# nothing\n");
  scratch.write("folder/x", "");
  CHECK(refusal_of_file("empty.yaml") == "empty.yaml: is empty; a recipe needs at least name, data.train and stages");
  CHECK(refusal_of_file("comment.yaml") == "comment.yaml: is empty; a recipe needs at least name, data.train and stages");
  CHECK(refusal_of_file("absent.yaml") == "absent.yaml: cannot be read: No such file or directory");
  CHECK(refusal_of_file("folder") == "folder: is a folder, not a recipe");
}

TEST_CASE("tokenizers that contradict themselves") {
  const auto tokenizer = [](const std::string& value) {
    return refusal("name: x\ndata: {train: [a], tokenizer: " + value + "}\nstages: []\n");
  };
  CHECK(tokenizer("file") == "x.yaml:2:31: 'tokenizer: file' needs the file: tokenizer: {path: tokenizer.json}");
  CHECK(tokenizer("words") == "x.yaml:2:31: 'tokenizer' must be one of bytes, bpe, file, found 'words'");
  CHECK(tokenizer("[bpe]") == "x.yaml:2:31: 'tokenizer' must be bytes, bpe or a map, found a list");
  CHECK(tokenizer("{type: bpe, path: t.json}") ==
        "x.yaml:2:49: 'path' means nothing for a tokenizer of type bpe; leave one of the two out");
  CHECK(tokenizer("{type: bytes, vocab_size: 300}") ==
        "x.yaml:2:57: 'vocab_size' means nothing for a tokenizer of type bytes; leave it out");
  CHECK(tokenizer("{type: bpe, vocab_size: 256}") == "x.yaml:2:55: 'vocab_size' must be between 257 and 1048576, found '256'");
  CHECK(tokenizer("{type: file}") == "x.yaml:2:31: a tokenizer of type file needs 'path'");
}

TEST_CASE("a long or multi-line value stays one short line") {
  const std::string line = refusal("dtype: \"" + std::string(200, 'a') + "\\nb\"\n");
  CHECK(line == "x.yaml:1:8: 'dtype' must be one of float32, bfloat16, float64, found the string '" + std::string(60, 'a') + "...'");
  CHECK(refusal("dtype: \"a\\nb\"\n") == "x.yaml:1:8: 'dtype' must be one of float32, bfloat16, float64, found the string 'a b'");
}

TEST_CASE("damaged recipes are read or refused in one line, never anything else") {
  const std::string good = kHead + kDense + kSparse + kWide + kFlat +
                           "train: {learning_rate: 1e-3, lr_scheduler: wsd}\ndtype: \"float32\"\n# end\n" +
                           "checkpoint:\n  keep: &k 3\n  save_interval: *k\n";
  REQUIRE(refusal(good).empty());
  const Scratch scratch;
  const auto check = [&](const std::string& text) {
    scratch.write("x.yaml", text);
    const std::string line = refusal_of_file("x.yaml");
    const bool fine = line.empty() || (line.rfind("x.yaml", 0) == 0 && line.find('\n') == std::string::npos);
    if (!fine) FAIL(line << "\nof\n" << text);
  };
  for (std::size_t length = 0; length < good.size(); ++length) check(good.substr(0, length));
  const std::string letters = "[]{}:,-#&*!|>'\"%@`\n\t 0a\\?~\x80";
  for (std::uint64_t i = 0; i < 3000; ++i) {
    std::string text = good;
    for (std::uint64_t j = 0; j < 1 + i % 3; ++j) {
      const auto bits = sluice::philox(17, i, j);
      text[bits[0] % text.size()] = letters[bits[1] % letters.size()];
    }
    check(text);
  }
}
