#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <map>
#include <unordered_map>

#include "core/base/counted.hpp"
#include "core/base/error.hpp"
#include "core/base/files.hpp"
#include "core/base/json_reason.hpp"
#include "core/base/log.hpp"
#include "data/vqa/vqa_accuracy.hpp"
#include "launch/commands/commands.hpp"
#include "launch/commands/data_format.hpp"

namespace sluice {
namespace {

using Json = nlohmann::ordered_json;

// Answers by the id of their question, from the official results file: a list of {question_id, answer}.
std::unordered_map<std::string, std::string> read_predictions(const std::string& path) {
  Json file;
  try {
    file = Json::parse(read_file(path));
  } catch (const Json::exception& error) {
    throw data_error("{}: not JSON: {}", path, json_reason(error.what()));
  }
  if (!file.is_array()) throw data_error("{}: {}, expected a list of {{question_id, answer}}", path, file.type_name());
  std::unordered_map<std::string, std::string> predictions;
  for (std::size_t i = 0; i < file.size(); ++i) {
    const Json& each = file[i];
    if (!each.is_object() || !each.contains("question_id") || !each.contains("answer") || !each["answer"].is_string())
      throw data_error("{}: entry {} is no {{question_id, answer}} with an answer that is a string", path, i + 1);
    const Json& id = each["question_id"];
    const std::string name = id.is_string() ? id.get<std::string>() : id.dump();
    if (!predictions.emplace(name, each["answer"].get<std::string>()).second)
      throw data_error("{}: question {} is answered twice", path, name);
  }
  return predictions;
}

struct Scored {
  data::VqaSums sums;
  std::int64_t single = 0;  // questions of one answer, which counts as ten
};

Scored score(const data::SampleSource& source, std::unordered_map<std::string, std::string> predictions, const DataOptions& options) {
  Scored scored;
  for (std::int64_t i = 0; i < source.size(); ++i) {
    const data::Sample sample = source.at(i);
    if (sample.answers.empty()) continue;
    const auto predicted = predictions.find(sample.id);
    if (predicted == predictions.end())
      throw data_error("{}: question {} of {} is not answered", options.predictions, sample.id, options.path);
    scored.single += sample.answers.size() == 1;
    const std::vector<data::Answer> answers = sample.answers.size() == 1 ? data::ten_copies(sample.answers.front()) : sample.answers;
    scored.sums.add(data::vqa_accuracy(predicted->second, answers),
                    sample.question_type.empty() ? data::vqa_question_type(sample.question) : sample.question_type,
                    sample.answer_type.empty() ? data::vqa_answer_type(answers) : sample.answer_type);
    predictions.erase(predicted);
  }
  if (scored.sums.questions() == 0) throw data_error("{}: no question has an answer", options.path);
  if (!predictions.empty())
    throw data_error("{}: {} of its answers, such as that to question {}, are to no question of {}", options.predictions,
                     predictions.size(), predictions.begin()->first, options.path);
  return scored;
}

void print(const char* what, const std::map<std::string, double>& by) {
  for (const auto& [type, accuracy] : by) log_info("  {:<10}{:<24}{:6.2f} %", &type == &by.begin()->first ? what : "", type, accuracy);
}

}  // namespace

int data_score_command(const DataOptions& options) {
  data::SampleSpec spec = sample_spec(options);
  if (spec.images.empty()) spec.images = ".";  // the pictures are not looked at
  const Scored scored = score(*data::open_samples(spec), read_predictions(options.predictions), options);
  const data::VqaScores scores = scored.sums.scores();
  if (options.json) {
    log_info("{}", Json{{"questions", scored.sums.questions()},
                        {"single_answers_as_ten", scored.single},
                        {"vqa_accuracy", scores.overall},
                        {"by_question_type", scores.by_question_type},
                        {"by_answer_type", scores.by_answer_type}}
                       .dump());
    return 0;
  }
  log_info("{}: {} answered", options.path, counted(scored.sums.questions(), "question"));
  log_info("  VQA accuracy                      {:6.2f} %{}", scores.overall,
           scored.single == 0 ? "" : fmt::format(" ({} of one answer, which counts as ten)", counted(scored.single, "question")));
  print("answers", scores.by_answer_type);
  print("questions", scores.by_question_type);
  return 0;
}

}  // namespace sluice
