#!/usr/bin/env bash
# The shipped recipes of the quickstart really train: every stage of both for two steps on a small text, on two ranks.
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

report 'the recipes of the quickstart train'
