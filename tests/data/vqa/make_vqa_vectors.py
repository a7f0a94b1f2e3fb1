#!/usr/bin/env python3
"""Writes vqa_vectors.hpp: what the official code of VQA (GT-Vision-Lab/VQA, commit a013f00, vqaEval.py with its print statements made calls of
Python 3) makes of texts and of predictions.

usage: make_vqa_vectors.py FOLDER_WITH_VQAEVAL > vqa_vectors.hpp
"""
import json
import random
import sys

sys.path.insert(0, sys.argv[1])
import vqaEval  # noqa: E402


class Answers:
    def __init__(self, qa):
        self.qa = qa

    def getQuesIds(self):
        return list(self.qa)


def accuracy(prediction, answers):
    question = {"question_type": "t", "answer_type": "a", "answers": [{"answer": text, "answer_id": id} for text, id in answers]}
    judge = vqaEval.VQAEval(Answers({1: question}), Answers({1: {"answer": prediction}}), n=15)
    judge.updateProgress = lambda progress: None
    judge.evaluate()
    return judge.evalQA[1] / 100


TEXTS = ["", " ", "The Cat.", "a an the", "none", "Ten apples, please!", "1,000", "1,000 a", "1, 000", "x.5", "5.", "3.14", "...", "." * 40, "." * 40 + "5", "don't", "dont",
         "DONT", "Id've", "somebodyd", "it's", "its", "well-known", "well - known", "a/b", "a / b", "a /b", "(x)", "[x] y", "x;y", "what's up?", "yes!", "no ,", "e.g.",
         "İstanbul", "ΟΔΥΣΣΕΥΣ", "Σ", "ΑΣ Β", "ΑΣ.", "ÀÉ", "Ǆ", "ẞ", "\u2003two\u2003three", "a\u00a0b", "x\u001cy", "\u180etwo", "٣,٤", "3,٤ x", "٣.", ".٣", "🙂 OK", "ｆｕｌｌ Ｗ", "1.\u0661",
         "two.three", "{a}", "a_b", "<b>", "@home", "`q`", "\\x", "\"quoted\"", "=1+2", "twas the night", "'ow'sat", "y'allll", "THE", "Zero zero", "one,two", "no.", "no. 1", "the.cat"]
CASES = [("yes", [("yes", i) for i in range(1, 11)]), ("no", [("yes", i) for i in range(1, 11)]), ("Yes", [("yes", i) for i in range(1, 11)]),
         ("Yes.", [("yes", i) for i in range(1, 10)] + [("no", 10)]), ("2", [("two", 1), ("2", 2), ("2", 3), ("deux", 4)] + [("two", i) for i in range(5, 11)]),
         ("a cat", [("the cat", 1), ("cat", 2), ("cat", 3), ("Cat", 4), ("dog", 5), ("dogs", 6), ("dog", 7), ("cats", 8), ("cat.", 9), ("cat", 10)]),
         ("yes", [("yes", 1)] * 10), ("yes", [("yes", 1), ("yes", 1), ("no", 2)]), (" net\n", [("net", 1), ("net", 2), ("mesh", 3)]),
         ("don't know", [("dont know", 1), ("don't know", 2), ("dont know", 3), ("unknown", 4)]), ("x", [("x", 1)]), ("tab\there", [("tab here", i) for i in range(1, 11)])]


def text(value):
    """A C++ literal of its UTF-8."""
    return '"' + "".join(chr(b) if 32 <= b < 127 and chr(b) not in '"\\?' else f"\\{b:03o}" for b in value.encode()) + '"'


def main():
    rng = random.Random(5)
    pool = ["cat", "the cat", "Cat.", "2", "two", "dont", "don't", "1,000", "yes", "no", "net ", "a b", "a-b"]
    for _ in range(60):
        CASES.append((rng.choice(pool), [(rng.choice(pool), i + 1) for i in range(rng.randint(1, 10))]))
    judge = vqaEval.VQAEval(Answers({}), Answers({}))
    print(f"""// Written by make_vqa_vectors.py with the official code.
#pragma once

#include <string_view>
#include <utility>
#include <vector>

namespace sluice::testing {{

struct NormalisedText {{
  std::string_view text, punctuation, digits;  // itself; after the first step; after the second step alone
}};
struct JudgedPrediction {{
  std::string_view prediction;
  std::vector<std::pair<std::string_view, int>> answers;  // and the annotators' numbers
  double accuracy;
}};

// clang-format off
inline const std::vector<NormalisedText> kNormalisedTexts = {{""")
    for each in TEXTS:
        print(f"  {{{text(each)}, {text(judge.processPunctuation(each))}, {text(judge.processDigitArticle(each))}}},")
    print("};\n\ninline const std::vector<JudgedPrediction> kJudgedPredictions = {")
    sys.stdout.flush()
    import contextlib, io
    for prediction, answers in CASES:
        with contextlib.redirect_stdout(io.StringIO()):
            found = accuracy(prediction, answers)
        print(f"  {{{text(prediction)}, {{" + ", ".join(f"{{{text(a)}, {i}}}" for a, i in answers) + f"}}, {found!r}}},")
    print("};\n// clang-format on\n\n}  // namespace sluice::testing")


main()
