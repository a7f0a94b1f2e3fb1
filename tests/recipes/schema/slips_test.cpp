// What a recipe says whose YAML is right for a keyboard and wrong for YAML: the right line, and the slip by name.
#include "recipes/schema/slips.hpp"
#include "tests/recipes/schema/scratch.hpp"
#include "tests/support/catch.hpp"

using namespace sluice::recipes;
using namespace sluice::recipes::test;

TEST_CASE("a missing space is seen where a key is, and nowhere else") {
  CHECK(colon_slip("log_interval:1") == "a space is missing after 'log_interval:'");
  CHECK(colon_slip("train:{learning_rate") == "a space is missing after 'train:'");
  CHECK(colon_slip("<<:*d") == "a space is missing after '<<:'");
  CHECK(colon_slip("seed :17") == "a space is missing after 'seed :'");
  CHECK(colon_slip("a:b c") == "a space is missing after 'a:'");
  CHECK(colon_slip("seed\xEF\xBC\x9A"
                   "17") == "a full-width colon (U+FF1A) after 'seed'; YAML wants ': '");
  CHECK(colon_slip("seed:\u00a0"
                   "17") == "a no-break space (U+00A0) instead of a space after 'seed:'");
  for (const char* text : {"",      "a",        "a:",    ":",       ":a",   "a: b",         "http://x",    "s3://bucket/x", "C:\\x", "c:/x",
                           "12:30", "12:30:45", "./a:b", "a.txt:3", "-a:b", "two words: x", "two words:x", "a - b",         "<<",    "<< "})
    CHECK(colon_slip(text).empty());
}

TEST_CASE("signs that look like a space or like nothing are seen where they do harm") {
  CHECK(odd_sign("\u00a0\u00a0seed", true) == "a no-break space (U+00A0) before 'seed'");
  CHECK(odd_sign("se\u200bed", true) == "a zero-width sign (U+200B) after 'se'");
  CHECK(odd_sign("seed\u3000", true) == "a typographic space (U+3000) after 'seed'");
  CHECK(odd_sign("\ufeffname", true) == "a byte-order mark (U+FEFF) before 'name'");
  CHECK(odd_sign("\u00a0"
                 "17",
                 false) == "a no-break space (U+00A0) before '17'");
  CHECK(odd_sign("17\u00a0\u2029", false) == "a line separator (U+2029) after '17\u00a0'");
  CHECK(odd_sign("my\u00a0text.txt", false).empty());
  for (const bool is_key : {false, true})
    for (const char* text : {"", "a", "é", "日本", "\xC2", "\xE2\x80", "a\xFF", "\U0001F600"}) CHECK(odd_sign(text, is_key).empty());
}

TEST_CASE("a key without a space after its colon is named where it stands") {
  const std::string space = "a space is missing after ";
  // In a block: YAML goes on to the next line and complains there.
  CHECK(refusal(kHead + kDense + "log_interval:1\neval_interval: 4\n") == "x.yaml:6:1: YAML syntax: " + space + "'log_interval:'");
  CHECK(refusal("name: x\nlog_interval:1\n\n\neval_interval: 4\n") == "x.yaml:2:1: YAML syntax: " + space + "'log_interval:'");
  CHECK(refusal("name: x\nlog_interval:1  # often\neval_interval: 4\n") == "x.yaml:2:1: YAML syntax: " + space + "'log_interval:'");
  CHECK(refusal("log_interval:1\neval_interval:2\nname: x\n") == "x.yaml:1:1: YAML syntax: " + space + "'log_interval:'");
  CHECK(refusal("name: x\nseed:1\n") == "x.yaml:2:1: unknown key 'seed:1': " + space + "'seed:'");
  CHECK(refusal("name: x\nseed:1\r\nlog_interval: 2\r\n") == "x.yaml:2:1: YAML syntax: " + space + "'seed:'");
  CHECK(refusal("train:\n  learning_rate:1\n  warmup_steps: 2\nname: x\n") == "x.yaml:2:3: YAML syntax: " + space + "'learning_rate:'");
  CHECK(refusal("train:\n  warmup_steps: 2\n  learning_rate:1\nname: x\n") == "x.yaml:3:3: YAML syntax: " + space + "'learning_rate:'");
  CHECK(refusal("stages:\n  - name:d\n    type: pretrain\n") == "x.yaml:2:5: YAML syntax: " + space + "'name:'");
  CHECK(refusal("stages:\n  - name: d\n    type:pretrain\n    max_steps: 3\n") == "x.yaml:3:5: YAML syntax: " + space + "'type:'");
  CHECK(refusal("name: x\nseed :1\nlog_interval: 2\n") == "x.yaml:2:1: YAML syntax: " + space + "'seed :'");
  for (const char* item : {"-{name: d, type: pretrain, max_steps: 3}", "-[d]", "-\"name\": d", "-&d {name: d}"})
    CHECK(refusal(kHead + "  " + item + "\n    max_steps: 4\n").starts_with("x.yaml:5:3: YAML syntax: " + space + "'-'"));
  CHECK(refusal(kHead + "  -{name: d, type: pretrain, max_steps: 3}\n").starts_with("x.yaml:5:3: YAML syntax: " + space + "'-'"));
  CHECK(refusal("stages:\n  -name: d\n   type: pretrain\n") == "x.yaml:2:3: YAML syntax: " + space + "'-'");
  CHECK(refusal(kHead + "  - &d {name: d, type: pretrain, max_steps: 3}\n  - {<<:*d, name: e}\n") ==
        "x.yaml:6:6: unknown key '<<:*d' in stage 'e': " + space + "'<<:'");
  CHECK(refusal("data: {train:[a]}\nname: x\n") == "x.yaml:1:8: YAML syntax: " + space + "'train:'");
  // Where YAML finds nothing wrong, the value does not fit.
  CHECK(refusal(kHead + kDense + "checkpoint: {save_interval: 4, keep:3}\n") ==
        "x.yaml:6:32: unknown key 'keep:3' in 'checkpoint': " + space + "'keep:'");
  CHECK(refusal(kHead + kDense + "train:{learning_rate: 1}\n") == "x.yaml:6:1: unknown key 'train:{learning_rate': " + space + "'train:'");
  CHECK(refusal(kHead + kDense + "train:\n  learning_rate:1\n") ==
        "x.yaml:7:3: 'train' must be a map, found 'learning_rate:1': " + space + "'learning_rate:'");
  CHECK(refusal(kHead + "  - name:d\n") == "x.yaml:5:5: a stage must be a map, found 'name:d': " + space + "'name:'");
  CHECK(refusal("name:x\n") == "x.yaml:1:1: a recipe is a map of keys, found 'name:x': " + space + "'name:'");
  CHECK(refusal("name: x\ndata:\n  train: a\n  tokenizer:\n    type:bpe\nstages: []\n") ==
        "x.yaml:5:5: 'tokenizer' must be bytes, bpe or a map, found 'type:bpe': " + space + "'type:'");
  CHECK(refusal("name: x\ndata: {train: {path:a, weight: 2}}\nstages: []\n") ==
        "x.yaml:2:16: unknown key 'path:a' in a source of 'train'; " + space + "'path:'");
}

TEST_CASE("spaces that are none, and what cannot be seen, are named where they stand") {
  CHECK(refusal("train:\n\u00a0\u00a0learning_rate: 1\n") ==
        "x.yaml:2:1: a no-break space (U+00A0) before 'learning_rate'; write plain spaces");
  CHECK(refusal("stages:\n  - name: d\n  \u00a0\u00a0type: pretrain\n") ==
        "x.yaml:3:3: YAML syntax: a no-break space (U+00A0) before 'type'");
  CHECK(refusal("name: x\nseed:\u00a0"
                "17\nlog_interval: 1\n") == "x.yaml:2:1: YAML syntax: a no-break space (U+00A0) instead of a space after 'seed:'");
  CHECK(refusal("name: x\nseed: \u00a0"
                "17\n") == "x.yaml:2:7: a no-break space (U+00A0) before '17'; write plain spaces, or put it in quotes if it is meant");
  CHECK(refusal("name: x\nseed: 17\u200b\n") ==
        "x.yaml:2:7: a zero-width sign (U+200B) after '17'; write plain spaces, or put it in quotes if it is meant");
  CHECK(refusal("name: x\nse\u200bed: 17\n") == "x.yaml:2:1: a zero-width sign (U+200B) after 'se'; write plain spaces");
  CHECK(refusal("name: x\n\ufeffseed: 17\n") == "x.yaml:2:1: a byte-order mark (U+FEFF) before 'seed'; write plain spaces");
  CHECK(refusal("name: x\nseed\uff1a"
                "17\nlog_interval: 1\n") == "x.yaml:2:1: YAML syntax: a full-width colon (U+FF1A) after 'seed'; YAML wants ': '");
  CHECK(refusal(kHead + kDense, {"seed=\u00a0"
                                 "17"}) ==
        "override 'seed=\u00a0"
        "17': a no-break space (U+00A0) before '17'; write plain spaces, or put it in quotes if it is meant");
  // At the start of a file a byte-order mark is what it is for.
  CHECK(refusal("\ufeff" + kHead + kDense).empty());
  CHECK(refusal("\ufeffsead: 1\n") == "x.yaml:1:1: unknown key 'sead'; did you mean 'seed'?");
}

TEST_CASE("what only looks like a slip is text") {
  const std::string good =
      "name: x\nrun_dir: http://x/y\n"
      "data:\n  train: [http://x, C:\\x, a:b, 12:30, \"no:space\", 'a:b', my\u00a0text.txt]\n  validation:\n    - C:\\y\n    - d:e\n    - "
      "f:g\n"
      "  text_key: several\n    lines of:text\n    go on\n  # comment:here\n"
      "stages:\n";
  CHECK(refusal(good + kDense).empty());
  const Recipe recipe = read_text_recipe(good + kDense + "seed: 3 # a:b\n");
  CHECK(recipe.run_dir == "http://x/y");
  CHECK(recipe.data.train[1].path == "C:\\x");
  CHECK(recipe.data.validation.size() == 3);
  CHECK(recipe.data.text_key == "several lines of:text go on");
  CHECK(read_text_recipe(good + kDense + "x-notes: |\n  name:x\n  \u00a0seed:17\nseed: 3\n").seed == 3);
  // Nor is it blamed for an error below it.
  for (const std::string& text :
       {std::string("data:\n  train:\n    - d:e\n    - a: b: c\n"), std::string("run_dir: |\n  name:x\nseed: a: b\n"),
        std::string("run_dir: \"name:x\n  seed:3\"\nseed: a: b\n"), std::string("# name:x\nseed: a: b\n"),
        std::string("run_dir: two\n  lines:here\nseed: a: b\n"), std::string("run_dir: http://x\nseed: a: b\n"),
        std::string("data: {train: [d:e,\n  f:g]}\nseed: a: b\n")}) {
    const std::string line = refusal(text);
    INFO(text << line);
    CHECK(line.find("YAML syntax: illegal map value") != std::string::npos);
  }
}
