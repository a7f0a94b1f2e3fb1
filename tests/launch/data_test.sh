#!/usr/bin/env bash
# usage: data_test.sh SOURCE_DIR BUILD_DIR
# `sluice data`: scenes are made, the same ones by the same seed, and checked; what cannot be used is counted, named and exit code 3. Skipped
# (77) where the program was built without libpng.
set -euo pipefail
sluice=$2/sluice
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
failures=0
fail() {
  echo "FAILED: $*"
  failures=$((failures + 1))
}
# ends CODE COMMAND...: it ends with that code; what it says is in out and err.
ends() {
  local wanted=$1 code=0
  shift
  "$sluice" "$@" >out 2>err || code=$?
  [ "$code" = "$wanted" ] || fail "sluice $* ends with $code, expected $wanted: $(cat out err)"
  [ "$code" = 0 ] || [ "$(wc -l <err)" = 1 ] || fail "sluice $* says more or less than a line: $(cat err)"
}
"$sluice" doctor --json >doctor.json
media() { python3 -c 'import json, sys; print(json.load(open("doctor.json"))["media"][sys.argv[1]])' "$1"; }
[[ $(media images) == *PNG* ]] || { echo "SKIPPED: built without libpng, no scenes were made"; exit 77; }

ends 0 data make-scenes a --count 40
ends 0 data make-scenes b --count 40
ends 0 data make-scenes c --count 40 --seed 3 --no-speech
diff -r a b >/dev/null || fail "the same seed makes other scenes"
cmp -s a/train.jsonl c/train.jsonl && fail "another seed makes the same scenes"
[ ! -e c/speech ] || fail "--no-speech, and there is speech"
ends 3 data make-scenes a --count 40
grep -q '^error: a: the folder is not empty' err || fail "a folder that is not empty: $(cat err)"
for part in train:32 validation:4 test:4; do
  ends 0 data check "a/${part%:*}.jsonl" --json
  python3 - "${part#*:}" <<'PYTHON' || fail "a/${part%:*}.jsonl: $(cat out)"
import json, sys
report = json.load(open("out"))
count = int(sys.argv[1])
assert report["samples"] == report["image"]["decoded"] == report["question"]["samples"] == report["label"]["samples"] == count, report
assert report["text"]["texts"] == 2 * count and report["bad"] == 0 and report["image"]["width"] == {"min": 64, "max": 64}, report
PYTHON
done
if command -v espeak-ng >/dev/null; then
  [ "$(find a/speech -name '*.wav' | wc -l)" -gt 10 ] || fail "espeak-ng is here, and $(find a/speech | wc -l) files of speech are"
else
  echo "SKIPPED in part: espeak-ng is not installed, nothing was spoken"
fi

# Answers, judged: all right, one wrong, one missing, one to no question.
answers() { python3 -c 'import json, sys
rows = [json.loads(line) for line in open("a/test.jsonl")]
said = [{"question_id": row["id"], "answer": row["answers"][0].upper() + ("" if i else sys.argv[1])} for i, row in enumerate(rows)]
print(json.dumps(said[int(sys.argv[2]):] + ([{"question_id": "none", "answer": "x"}] if sys.argv[3:] else [])))' "$@" >said.json; }
answers "" 0
python3 -c 'import json; said = json.load(open("said.json")); [each.update(answer=each["answer"].lower()) for each in said]; json.dump(said, open("said.json", "w"))'
ends 0 data score said.json a/test.jsonl --json
python3 -c 'import json; r = json.load(open("out")); assert r["vqa_accuracy"] == 100.0 and r["questions"] == r["single_answers_as_ten"] == 4, r' || fail "right answers: $(cat out)"
# Ten of one mind are compared as they stand, letters in their case, as the official code does.
answers "" 0
ends 0 data score said.json a/test.jsonl
grep -q 'VQA accuracy  *[0-9.]* % (4 questions of one answer, which counts as ten)' out || fail "answers in capitals: $(cat out)"
answers "" 1
ends 3 data score said.json a/test.jsonl
grep -q 'is not answered$' err || fail "an answer that is missing: $(cat err)"
answers "" 0 more
ends 3 data score said.json a/test.jsonl
grep -q 'such as that to question none, are to no question of a/test.jsonl$' err || fail "an answer to nothing: $(cat err)"
ends 3 data score a/scenes.json a/test.jsonl

# A picture cut short, one that is a page, one that is not there.
head -c 300 b/images/000000.png >cut && mv cut b/images/000000.png
echo '<html>' >b/images/000001.png
rm b/images/000002.png
ends 3 data check b/train.jsonl
grep -q '^error: b/train.jsonl: 3 of [0-9]* pictures and sounds cannot be used$' err || fail "three bad pictures: $(cat err)"
for line in '  bad       1 unreadable, 2 damaged' "sample '000000': b/images/000000.png: a damaged PNG: it is cut short" \
  "sample '000001': b/images/000001.png: not a picture; expected PNG or JPEG" "sample '000002': b/images/000002.png: No such file or directory"; do
  grep -qF -- "$line" out || fail "no line '$line' in: $(cat out)"
done
ends 3 data check a/train.jsonl --max-pixels 4095
grep -q '32 too_large' out || fail "--max-pixels: $(cat out)"
ends 0 data check a/test.jsonl --image-size 32 --fit stretch --json
python3 -c 'import json; r = json.load(open("out")); assert r["image"]["cut"] == {"min": 0.0, "max": 0.0, "mean": 0.0}, r' || fail "--image-size: $(cat out)"
ends 2 data check a/test.jsonl --image-size 32 --fit bend
ends 3 data check none.jsonl
ends 2 data check a/scenes.txt
ends 2 data check a/train.jsonl --format video
ends 2 data

# A name that is no UTF-8.
mkdir -p odd/label
cp a/images/000000.png "odd/label/$(printf 'x\377.png')"
cp a/scenes.json "odd/label/$(printf 'y\377.png')"
ends 3 data check odd --json
python3 -c 'import json; r = json.load(open("out", encoding="utf-8")); assert r["samples"] == 2 and r["bad"] == 1, r' || fail "a name that is no UTF-8: $(cat out)"

if [[ $(media sounds) == *WAV* ]]; then
  mkdir -p sounds/low
  python3 - <<'PYTHON'
import math, struct, wave
with wave.open("sounds/low/a.wav", "wb") as file:
    file.setparams((1, 2, 8000, 0, "NONE", ""))
    file.writeframes(b"".join(struct.pack("<h", int(9000 * math.sin(i / 3))) for i in range(4000)))
PYTHON
  ends 0 data check sounds --json
  python3 -c 'import json; r = json.load(open("out")); assert r["audio"]["seconds"] == {"min": 0.5, "max": 0.5}, r' || fail "a sound: $(cat out)"
  ends 0 data check sounds --max-seconds 0.25
  grep -q '1 longer than 0.25 s' out || fail "--max-seconds: $(cat out)"
  ends 0 data check sounds --sample-rate 16000
  grep -q 'as log-mel spectra: 13 rows of 4 frames' out || fail "--sample-rate: $(cat out)"
fi

[ "$failures" = 0 ] && echo "all good"
exit $((failures > 0))
