// A manifest: JSONL, one sample a line.
#include "core/base/error.hpp"
#include "core/base/json_reason.hpp"
#include "data/samples/json_fields.hpp"
#include "data/samples/listed_samples.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace sluice::data {
namespace {

using Json = nlohmann::json;

std::vector<std::string> texts_of(const Json& value, const std::string& where) {
  if (!value.is_array()) return {text_of(value, "text", where)};
  std::vector<std::string> texts;
  for (const Json& each : value) texts.push_back(text_of(each, "text", where));
  return texts;
}

std::vector<Answer> answers_of(const Json& value, const std::string& where) {
  std::vector<Answer> answers;
  for (const Json& each : list_of(value, "answers", where)) {
    Answer answer{"", static_cast<std::int64_t>(answers.size()) + 1};
    if (each.is_object()) {
      for (const auto& [key, field] : each.items())
        if (key == "answer") answer.text = text_of(field, "answer", where);
        else if (key == "answer_id" && field.is_number_integer()) answer.id = field.get<std::int64_t>();
        else if (key != "answer_confidence")
          throw data_error("{}: an answer has the key '{}' with {}; expected answer and answer_id", where, key, field.type_name());
    } else {
      answer.text = text_of(each, "answers", where);
    }
    answers.push_back(std::move(answer));
  }
  return answers;
}

// Relative paths are relative to the manifest.
std::filesystem::path path_of(const Json& value, std::string_view key, const std::filesystem::path& folder, const std::string& where) {
  const std::string& text = text_of(value, key, where);
  if (text.empty()) throw data_error("{}: '{}' is empty; leave the key out where there is none", where, key);
  return folder / text;
}

Sample sample_of(const Json& line, const std::filesystem::path& folder, const std::string& where) {
  if (!line.is_object()) throw data_error("{}: {}, expected a JSON object", where, line.type_name());
  Sample sample;
  for (const auto& [key, value] : line.items()) {
    if (value.is_null()) continue;
    if (key == "id") sample.id = value.is_number_integer() ? std::to_string(value.get<std::int64_t>()) : text_of(value, key, where);
    else if (key == "text") sample.text = texts_of(value, where);
    else if (key == "text_b") sample.text_b = text_of(value, key, where);
    else if (key == "image") sample.image = path_of(value, key, folder, where);
    else if (key == "audio") sample.audio = path_of(value, key, folder, where);
    else if (key == "question") sample.question = text_of(value, key, where);
    else if (key == "answers") sample.answers = answers_of(value, where);
    else if (key == "question_type") sample.question_type = text_of(value, key, where);
    else if (key == "answer_type") sample.answer_type = text_of(value, key, where);
    else if (key == "label")
      sample.label = value.is_number_integer() ? std::to_string(value.get<std::int64_t>()) : text_of(value, key, where);
    else
      throw data_error(
          "{}: unknown key '{}'; expected id, text, text_b, image, audio, question, answers, label, question_type or answer_type", where,
          key);
  }
  if (sample.is_empty()) throw data_error("{}: a sample without text, image, audio or question", where);
  if (!sample.answers.empty() && sample.question.empty()) throw data_error("{}: answers without a question", where);
  return sample;
}

}  // namespace

std::vector<Sample> parse_manifest(std::string_view content, const std::filesystem::path& path) {
  const std::filesystem::path folder = path.parent_path();
  SampleList samples(path);
  std::size_t number = 0;
  for (std::size_t begin = 0; begin < content.size();) {
    const std::size_t end = std::min(content.find('\n', begin), content.size());
    const std::string_view line = content.substr(begin, end - begin);
    const std::string where = fmt::format("{}:{}", path.string(), ++number);
    begin = end + 1;
    if (line.find_first_not_of(" \t\r") == line.npos) continue;
    Json json;
    try {
      json = Json::parse(line);
    } catch (const Json::exception& error) {
      throw data_error("{}: not a JSON object: {}", where, json_reason(error.what()));
    }
    samples.add(sample_of(json, folder, where), number);
  }
  return samples.take();
}

std::unique_ptr<SampleSource> read_manifest(const SampleSpec& spec) {
  return std::make_unique<ListedSamples>(parse_manifest(read_whole(spec.path), spec.path));
}

}  // namespace sluice::data
