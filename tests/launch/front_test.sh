#!/bin/bash
# The thin command: help without the engine, one line for a mistake, and what reaches the engine (a stand-in that prints it).
# usage: front_test.sh SOURCE_DIR BUILD_DIR
set -u
source_dir=$1 build_dir=$2
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cp "$build_dir/sluice" "$scratch/" || exit 1
cd "$scratch" || exit 1
failures=0

# expect CODE TEXT ARGS...: the exit code, and the whole output.
expect() {
  local code=$1 text=$2 output actual
  shift 2
  output=$(./sluice "$@" 2>&1)
  actual=$?
  if [ "$actual" != "$code" ] || [ "$output" != "$text" ]; then
    printf 'FAILED: sluice %s\n  expected %s: %s\n  found    %s: %s\n' "$*" "$code" "$text" "$actual" "$output"
    failures=$((failures + 1))
  fi
}

# expect_in CODE PART ARGS...: the exit code, one line, and a part of it (where CLI11's own words may differ by version).
expect_in() {
  local code=$1 part=$2 output actual
  shift 2
  output=$(./sluice "$@" 2>&1)
  actual=$?
  if [ "$actual" != "$code" ] || [[ "$output" != *"$part"* ]] || [ "$(printf '%s\n' "$output" | wc -l)" != 1 ]; then
    printf 'FAILED: sluice %s\n  expected %s: one line with %s\n  found    %s: %s\n' "$*" "$code" "$part" "$actual" "$output"
    failures=$((failures + 1))
  fi
}

# Help needs no engine: there is none here.
for command in "" train eval generate inspect tokenize "tokenize train" "tokenize encode" "tokenize decode" "tokenize count" bench; do
  # shellcheck disable=SC2086
  output=$(./sluice $command --help 2>&1) || { echo "FAILED: sluice $command --help"; failures=$((failures + 1)); }
  case $output in *"[OPTIONS]"*Example*"  sluice "*) ;; *) echo "FAILED: no usage and indented example in sluice $command --help"; failures=$((failures + 1)) ;; esac
done
[ "$(./sluice help train)" = "$(./sluice train --help)" ] || { echo "FAILED: sluice help train"; failures=$((failures + 1)); }
[ "$(./sluice --version)" = "sluice 0.1.0" ] || { echo "FAILED: sluice --version"; failures=$((failures + 1)); }
for option in --help --version 'train --help'; do
  # shellcheck disable=SC2086
  errors=$(./sluice $option 2>&1 >/dev/full)
  actual=$?
  [ "$actual $errors" = "3 error: standard output: No space left on device" ] || { echo "FAILED: sluice $option >/dev/full: $actual $errors"; failures=$((failures + 1)); }
done
expect 2 "sluice: the engine $scratch/libsluice_engine.so is missing; build it with ./launch/setup" train x.yaml

expect 2 "sluice: a command is needed: train, eval, generate, inspect, tokenize, data, bench, doctor; see 'sluice --help'"
expect 2 "sluice: unknown command 'trian'; did you mean 'train'?" trian x.yaml
expect 2 "sluice: unknown command 'zzz'; commands: train, eval, generate, inspect, tokenize, data, bench, doctor; see 'sluice --help'" zzz
expect 2 "sluice tokenize: unknown command 'encod'; did you mean 'encode'?" tokenize encod
expect 2 "sluice: unknown option '--versoin'; did you mean '--version'?" --versoin
expect 2 "sluice eval: unknown option '--seq-len'; did you mean '--seq-length'?" eval runs/x --seq-len 3
expect 2 "sluice train: unknown option '--train.learning_rate'; recipe keys are written train.learning_rate=VALUE, without dashes; see 'sluice train --help'" train x.yaml --train.learning_rate=3
expect 2 "sluice train: 'seed' is no override: expected section.key=value, for example train.learning_rate=1e-3; see 'sluice train --help'" train x.yaml seed
expect_in 2 "sluice train: RECIPE is required" train
expect_in 2 "sluice generate: --prompt is required" generate runs/x
expect_in 2 "--batch: must be an integer of at least 1, found '0'" eval runs/x --batch 0
expect_in 2 "--temperature: must be a number of at least 0, found 'hot'" generate runs/x --prompt a --temperature hot
expect_in 2 "--seed: must be an integer of at least 0, found '-1'" generate runs/x --prompt a --seed -1
expect_in 2 "--tokens: expected token ids such as 1,2,3, found '1,a'" eval runs/x --tokens 1,a
expect_in 2 "--tokens: expected token ids such as 1,2,3, found ''" eval runs/x --tokens ''
expect_in 2 "--tokens and --data exclude each other" eval runs/x --tokens 1,2 --data a
expect_in 2 "--tokens are one window: --seq-length and --stride go with --data" eval runs/x --tokens 1,2 --stride 3
expect_in 2 "--text-key goes with --data" eval runs/x --text-key body
expect_in 2 "unknown bench 'mo'; did you mean 'moe'?" bench mo
expect_in 2 "unknown bench 'exchange'; there is: moe" bench exchange
expect 2 "sluice bench: unknown key 'row'; did you mean 'rows'?" bench moe row=9
expect 2 "sluice bench: unknown key 'tokens'; keys: rows, hidden_size, expert_hidden_size, num_experts, top_k, dtype, threads, repeats, sweep; see 'sluice bench --help'" bench moe tokens=9
expect_in 2 "'rows' is given twice" bench moe rows=1 rows=2
expect_in 2 "'rows' is no option: expected key=value" bench moe rows
expect_in 2 "rows: must be an integer between 1 and 16777216, found '0'" bench moe rows=0
expect_in 2 "num_experts: must be an integer between 1 and 16777216, found ''" bench moe num_experts=8,
expect_in 2 "dtype: must be one of float32, bfloat16, float64, found 'int8'" bench moe dtype=int8
expect_in 2 "sweep: must be true or false, found 'yes'" bench moe sweep=yes
expect_in 2 "sweep and num_experts exclude each other" bench moe sweep=true num_experts=8
expect_in 2 "top_k(9) is larger than num_experts(8)" bench moe top_k=9 num_experts=16,8
expect_in 2 "an action is missing: train, encode, decode or count" tokenize
expect_in 2 "give either --text or files" tokenize encode --tokenizer t.json
expect_in 2 "not expected" generate runs/x runs/y --prompt a

echo 'not a library' > libsluice_engine.so
expect_in 2 "sluice: the engine cannot be loaded: " train x.yaml

cat > engine.cpp <<'CPP'
#include "launch/command_line.hpp"
#include <iostream>
namespace {
template <class T> void list(const char* name, const std::vector<T>& values) {
  std::cout << " " << name << "=";
  for (const T& value : values) std::cout << "<" << value << ">";
}
}
extern "C" int sluice_run(const sluice::CommandLine* c) {
  using sluice::Command;
  std::cout << static_cast<int>(c->command);
  if (c->command == Command::kTrain) {
    std::cout << " " << c->train.recipe;
    list("overrides", c->train.overrides);
  } else if (c->command == Command::kEval) {
    std::cout << " " << c->eval.model << " " << c->eval.seq_length << " " << c->eval.stride << " " << c->eval.batch << " " << c->eval.json;
    list("data", c->eval.data);
    list("tokens", c->eval.tokens);
  } else if (c->command == Command::kGenerate) {
    const auto& g = c->generate;
    std::cout << " " << g.model << " [" << g.prompt << "] " << g.max_tokens << " " << g.temperature << " " << g.top_k << " " << g.seed;
  } else if (c->command == Command::kInspect) {
    std::cout << " " << c->inspect.model << " [" << c->inspect.diff << "] " << c->inspect.json;
  } else if (c->command == Command::kTokenize) {
    const auto& t = c->tokenize;
    std::cout << " " << static_cast<int>(t.action) << " [" << t.tokenizer << "] [" << t.text.value_or("-") << "] " << t.vocab_size << " [" << t.output << "]";
    list("files", t.files);
    list("ids", t.ids);
  } else {
    const auto& m = c->bench.moe;
    std::cout << " " << m.rows << " " << m.hidden_size << " " << m.expert_hidden_size << " " << m.top_k << " " << sluice::name_of(m.dtype) << " " << m.threads << " " << m.repeats << " " << c->bench.json;
    list("num_experts", m.num_experts);
  }
  std::cout << std::endl;
  return 75;
}
CPP
"${CXX:-c++}" -std=c++20 -shared -fPIC -I"$source_dir" engine.cpp -o libsluice_engine.so || exit 1
expect 75 '0 x.yaml overrides=<seed=3><data.train=[a b, c]>' train x.yaml seed=3 'data.train=[a b, c]'
expect 75 '0 x.yaml overrides=' train x.yaml
expect 75 '1 runs/x@3 8 4 2 1 data=<a><b> tokens=' eval --data a runs/x@3 --data b --seq-length 8 --stride 4 --batch=2 --json
expect 75 '1 runs/x 0 0 0 0 data= tokens=<1><22><3>' eval runs/x --tokens 1,22,3
expect 75 '2 runs/x [] 200 0.8 0 17' generate runs/x --prompt ''
expect 75 '2 runs/x [--- [a] b] 5 0 40 9' generate runs/x --prompt '--- [a] b' --max-tokens 5 --temperature 0 --top-k 40 --seed 9
expect 75 '3 a [b] 1' inspect a --diff b --json
expect 75 '4 0 [] [-] 300 [t.json] files=<a><b> ids=' tokenize train a b --vocab-size 300 --output t.json
expect 75 '4 1 [t.json] [hello world] 4096 [] files= ids=' tokenize encode --tokenizer t.json --text 'hello world'
expect 75 '4 2 [t.json] [-] 4096 [] files= ids=<1><2><3>' tokenize decode --tokenizer t.json 1,2 3
expect 75 '4 3 [t.json] [-] 4096 [] files=<a> ids=' tokenize count --tokenizer t.json a
expect 75 '5 2048 256 512 2 float32 0 31 0 num_experts=<16>' bench moe
expect 75 '5 2048 256 512 2 float32 0 31 0 num_experts=<8><16><32><64><128>' bench moe sweep=true
expect 75 '5 9 32 8 1 bfloat16 3 5 1 num_experts=<64><4>' \
  bench moe rows=9 hidden_size=32 num_experts=64,4 --json top_k=1 dtype=bfloat16 threads=3 repeats=5 expert_hidden_size=8 sweep=false

# Standard input, output and error are open before anything else is: the first file that is opened gets none of their numbers.
cat > engine.cpp <<'CPP'
#include <fcntl.h>
namespace sluice { struct CommandLine; }
extern "C" int sluice_run(const sluice::CommandLine*) { return open("/dev/null", O_RDONLY); }
CPP
"${CXX:-c++}" -std=c++20 -shared -fPIC engine.cpp -o libsluice_engine.so || exit 1
./sluice train x.yaml <&- >&- 2>&- 3>&-
first=$?
[ "$first" -gt 2 ] || { echo "FAILED: with descriptors 0 to 2 closed, the first file gets $first"; failures=$((failures + 1)); }

[ "$failures" = 0 ] && echo "the thin command: all good"
exit "$((failures > 0))"
