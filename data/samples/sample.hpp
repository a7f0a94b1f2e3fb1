// One example of multimodal data. Gives: Answer, Sample.
#pragma once

#include "data/media/image.hpp"

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace sluice::data {

/// What one annotator said.
struct Answer {
  std::string text;
  std::int64_t id = 0;  // of the annotator, distinct within a question; from 1

  bool operator==(const Answer&) const = default;
};

/// Any subset of text, picture, sound, question with answers, and label. What is not there is empty.
struct Sample {
  std::string id;                 // unique within its source
  std::vector<std::string> text;  // captions, or what is said of the sample: each of them is right
  std::string text_b;             // the second text of a pair
  std::filesystem::path image;    // a file
  std::optional<Image> pixels;    // or the picture itself, of sources that hold many in one file
  std::filesystem::path audio;    // a file
  std::string question;
  std::vector<Answer> answers;             // only with a question
  std::string question_type, answer_type;  // as VQA names them
  std::string label;

  bool has_image() const { return pixels.has_value() || !image.empty(); }
  bool has_audio() const { return !audio.empty(); }
  /// Whether there is nothing that a model could see, hear or read.
  bool is_empty() const { return text.empty() && question.empty() && !has_image() && !has_audio(); }
};

}  // namespace sluice::data
