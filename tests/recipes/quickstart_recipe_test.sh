#!/usr/bin/env bash
# The shipped recipes really train: every stage of the quickstart's and of the one of 128 experts for two steps on a small text, on two
# ranks, and their dense controls.
# usage: quickstart_recipe_test.sh SOURCE_DIR BUILD_DIR
set -u
source_dir=$1 build_dir=$(realpath "$2")
recipe=$source_dir/recipes/quickstart.yaml
# shellcheck source=tests/support/two_ranks.sh
. "$source_dir/tests/support/two_ranks.sh"
python3 "$source_dir/tests/support/make_text.py" text.txt 100000
guard=400
small=(data.train=[text.txt] data.eval_sequences=8 train.global_batch_size=4)

expect 0 quickstart "${small[@]}" parallel.expert=2 stages.{dense,sparse,wide,flat}.max_steps=2
[ "$(wc -l <quickstart/receipts.jsonl)" = 3 ] || fail "quickstart: $(wc -l <quickstart/receipts.jsonl) receipts, expected 3"
# It ends in an architecture that Transformers knows.
last=$(printf '%s\n' quickstart/checkpoints/step-* | tail -n 1)
grep -q '"Qwen3MoeForCausalLM"' "$last/config.json" || fail "quickstart ends as $(grep -A 1 architectures "$last/config.json")"

# Its tokenizer goes by every name of a model.
for model in quickstart quickstart@2 "$last"; do
  [ "$("$build_dir/sluice" tokenize encode --tokenizer "$model" --text 'A word.')" = "$("$build_dir/sluice" tokenize encode --tokenizer quickstart/tokenizer.json --text 'A word.')" ] ||
    fail "tokenize --tokenizer $model gives other ids than its tokenizer.json"
done

recipe=$source_dir/recipes/quickstart-dense.yaml
expect 0 dense "${small[@]}" stages.dense.max_steps=2
[ -e dense/summary.json ] || fail 'the dense control has no summary'

recipe=$source_dir/recipes/v2-two-percent.yaml
# Narrow experts: with the recipe's own width the checkpoints of these stages would take 0.9 GB.
expect 0 two_percent "${small[@]}" model.intermediate_size=32 parallel.expert=2 stages.{dense,s8,g16,g32,g64,g128}.max_steps=2 stages.{g16,g32,g64,g128}.top_k_anneal_steps=1
grep -q ' 128 experts, top-4 to 2' two_percent.out || fail 'two_percent: its header does not say that top_k comes back to 2'
# Each conversion's own receipt, and one after its copies are parted.
[ "$(grep -c '"exact": true' two_percent/receipts.jsonl)" = 5 ] || fail "two_percent: $(grep -c '"exact": true' two_percent/receipts.jsonl) exact receipts, expected 5"
last=$(printf '%s\n' two_percent/checkpoints/step-* | tail -n 1)
for said in '"Qwen3MoeForCausalLM"' '"num_experts": 128' '"num_experts_per_tok": 2'; do
  grep -q "$said" "$last/config.json" || fail "two_percent ends without $said in config.json"
done

recipe=$source_dir/recipes/v2-two-percent-dense.yaml
expect 0 two_percent_dense "${small[@]}" stages.dense.max_steps=2

report 'the shipped recipes train'
