// The accuracy of answers to questions, as the official code of VQA computes it (GT-Vision-Lab/VQA, commit a013f00, vqaEval.py; Antol et
// al., arXiv:1505.00468), quirks included: answers are normalised only where annotators disagree; of full stops that no digit follows only
// the first 32 go; annotators are told apart by number and answer.
#pragma once

#include "data/samples/sample.hpp"

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>

namespace sluice::data {

/// From 0 to 1: the mean, over the annotators, of min(1, the others who gave this answer / 3). `answers` is not empty.
double vqa_accuracy(std::string_view prediction, std::span<const Answer> answers);

/// The two steps of the official normalisation.
std::string vqa_process_punctuation(std::string_view text);
std::string vqa_process_digit_article(std::string_view text);

/// Ten annotators of one mind, in the place of a single answer, so that it counts as in a set with ten.
std::vector<Answer> ten_copies(const Answer& answer);

/// What the official files call the kind of an answer, by the answer that most annotators gave: "yes/no", "number" or "other".
std::string vqa_answer_type(std::span<const Answer> answers);

/// What the official files call the kind of a question, by its first words: "what color is the"; "none of the above" for all others.
std::string vqa_question_type(std::string_view question);

/// Percentages with two decimals, as the official code rounds them.
struct VqaScores {
  double overall = 0;
  std::map<std::string, double> by_question_type, by_answer_type;
};

/// Adds up the accuracies of questions.
class VqaSums {
 public:
  void add(double accuracy, const std::string& question_type, const std::string& answer_type);
  VqaScores scores() const;
  std::int64_t questions() const { return all_.count; }

 private:
  struct Sum {
    double sum = 0;
    std::int64_t count = 0;
  };
  static double percentage(const Sum& sum);
  Sum all_;
  std::map<std::string, Sum> by_question_type_, by_answer_type_;
};

}  // namespace sluice::data
