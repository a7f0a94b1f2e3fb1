// The accuracy of answers against what the official code of VQA computes.
#include "data/vqa/vqa_accuracy.hpp"

#include "data/vqa/python_text.hpp"
#include "tests/data/vqa/vqa_vectors.hpp"
#include "tests/support/catch.hpp"

using namespace sluice::data;
using namespace sluice::testing;

TEST_CASE("texts are normalised as the official code does, Unicode and quirks included") {
  REQUIRE(kNormalisedTexts.size() > 60);
  for (const NormalisedText& each : kNormalisedTexts) {
    INFO(each.text);
    CHECK(vqa_process_punctuation(each.text) == each.punctuation);
    CHECK(vqa_process_digit_article(each.text) == each.digits);
  }
}

TEST_CASE("predictions are judged as the official code does") {
  REQUIRE(kJudgedPredictions.size() > 60);
  for (const JudgedPrediction& each : kJudgedPredictions) {
    std::vector<Answer> answers;
    for (const auto& [text, id] : each.answers) answers.push_back({std::string(text), id});
    INFO(each.prediction << ", " << answers.size() << " answers");
    CHECK(vqa_accuracy(each.prediction, answers) == Approx(each.accuracy).margin(1e-12));
  }
}

TEST_CASE("one answer in ten copies counts whole, and percentages have two decimals") {
  CHECK(vqa_accuracy("circle", ten_copies({"circle", 1})) == 1.0);
  CHECK(vqa_accuracy("square", ten_copies({"circle", 1})) == 0.0);
  VqaSums sums;
  sums.add(1.0, "what", "other");
  sums.add(0.0, "what", "other");
  sums.add(1.0, "is", "yes/no");
  const VqaScores scores = sums.scores();
  CHECK(scores.overall == 66.67);
  CHECK(scores.by_question_type.at("what") == 50.0);
  CHECK(scores.by_answer_type.at("yes/no") == 100.0);
  CHECK(VqaSums().scores().overall == 0.0);
  const std::vector<Answer> yes = {{"Yes.", 1}, {"no", 2}, {"yes", 3}}, two = {{"two", 1}, {"2", 2}, {"3", 3}}, net = {{"net", 1}};
  CHECK(vqa_answer_type(yes) == "yes/no");
  CHECK(vqa_answer_type(two) == "number");
  CHECK(vqa_answer_type(net) == "other");
  CHECK(vqa_question_type("What color is the cat?") == "what color is the");
  CHECK(vqa_question_type("Is it?") == "is it");
  CHECK(vqa_question_type("Whatever is it?") == "none of the above");
}

TEST_CASE("Python's small forms: one that becomes two, a sigma at the end of a word, letters of every script") {
  CHECK(python_lower("\u0130") == "i\u0307");
  CHECK(python_lower("\u039F\u03A3 \u03A3\u0391") == "\u03BF\u03C2 \u03C3\u03B1");
  CHECK(python_lower("\u0100\u0102\u0178") == "\u0101\u0103\u00FF");
  CHECK(python_lower("\U00010400") == "\U00010428");
  CHECK(python_split(" a\u2003b\x1C\n") == std::vector<std::string>{"a", "b"});
  CHECK(python_strip("\u00A0 a b\t") == "a b");
  CHECK(is_python_digit(U'\u0663'));
  CHECK_FALSE(is_python_digit(U'\u00B2'));
}
