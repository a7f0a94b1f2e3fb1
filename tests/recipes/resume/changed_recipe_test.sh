#!/usr/bin/env bash
# A run that goes on under a recipe with other stages: what moves the learning rate of the stage at hand is told and must be wanted,
# what is not there any more is told; and schedules that do not fit are told at the start. usage: changed_recipe_test.sh SOURCE_DIR BUILD_DIR
set -u
source_dir=$1 build_dir=$(realpath "$2")
recipe=one.yaml
# shellcheck source=tests/support/two_ranks.sh
. "$source_dir/tests/support/two_ranks.sh"

# One stage of 20 steps, of which the last four decay; as after a kill at its step 19.
sed '/^  - /d' "$source_dir/tests/recipes/resume/resume.yaml" >head.yaml
dense='  - {name: dense, type: pretrain, max_steps: 20}'
more='  - {name: more, type: pretrain, max_steps: 5}'
{ sed '/^stages:/q' head.yaml && echo "$dense" && sed '1,/^stages:/d' head.yaml; } >one.yaml
sed "s/^  - .*/&\n$more/" one.yaml >two.yaml
sed 's/name: dense,/name: other,/' one.yaml >renamed.yaml
options=("data.train=[train.txt]" checkpoint.save_interval=18)
expect 0 run "${options[@]}"
cp -r run kept
rm -r kept/summary.json kept/checkpoints/step-00000020
touch kept/recipe.resolved.yaml.tmp77  # as after a kill while it was replaced
again() { rm -rf "$1" && cp -r kept "$1"; }

recipe=two.yaml
moved="the stages after 'dense' move its learning rate, for the horizon they share was 20 steps and is 25: step 19, the next, has 0.00325 before and 0.01 now"
again changed
expect 2 changed "${options[@]}"
line "error: $scratch/changed: $moved; set allow_schedule_change: true to accept it, or give the stages after it a horizon of their own (lr_scheduler in their train:)"
expect 0 changed "${options[@]}" allow_schedule_change=true
line "warning: $moved (allow_schedule_change)"
[ ! -e changed/recipe.resolved.yaml.tmp77 ] || fail 'what a killed start was writing is still there'
rate() { python3 -c 'import json, sys; print(*[r["learning_rate"] for r in map(json.loads, open(sys.argv[1])) if r["step"] == 19 and "learning_rate" in r])' "$1/metrics.jsonl"; }
[ "$(rate changed)" = 0.01 ] || fail "step 19 has the learning rate $(rate changed), expected the 0.01 that was told"
again own
expect 0 own "${options[@]}" stages.more.train.lr_scheduler=constant
silent '^warning'
[ "$(rate own)" = "$(rate run)" ] || fail "a later stage with its own horizon moved step 19 from $(rate run) to $(rate own)"

# A finished run stays one, also where the record of its recipe is gone.
rm run/recipe.resolved.yaml
expect 2 run "${options[@]}"
line "error: $scratch/run: the run is finished, and the recipe has 2 stages where it had 1; start a new run under another name (name=...) with init_from: $scratch/run"

# Stages that were trained and are not there.
end='restore the stages that were trained, or start a new run under another name (name=...)'
recipe=renamed.yaml
again lost
expect 2 lost "${options[@]}"
line "error: $scratch/lost: the run is at step 18 of its stage 1, 'dense', and the recipe has the stages [other]: $end"
recipe=one.yaml
rm changed/summary.json changed/recipe.resolved.yaml
expect 2 changed "${options[@]}"
line "error: $scratch/changed: the run is at step 5 of its stage 2, 'more', and the recipe has the stages [dense]: $end"

# A schedule that does not fit is told once, and a default follows the key that is given.
sed -i 's/ min_learning_rate: [^,]*,//' one.yaml
expect 0 small "${options[@]}" train.learning_rate=5e-5 train.warmup_steps=1000
line 'warning: the warm-up of 1000 steps is longer than the horizon of 20: the last step has a learning rate of 1e-06 where learning_rate is 5e-05, and nothing decays; lower warmup_steps'
grep -qx '  min_learning_rate: 5e-05' small/recipe.resolved.yaml || fail "the run does not hold its min_learning_rate: $(grep learning small/recipe.resolved.yaml)"

report 'a changed recipe moves nothing unseen'
