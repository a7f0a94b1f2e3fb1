// Questions about pictures: the files of VQA v1 and v2 (visualqa.org), and of easy-VQA.
#include "core/base/error.hpp"
#include "core/base/json_reason.hpp"
#include "data/samples/json_fields.hpp"
#include "data/samples/listed_samples.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <unordered_map>

namespace sluice::data {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

Json parse_json(const std::string& content, const fs::path& path) {
  try {
    return Json::parse(content);
  } catch (const Json::exception& error) {
    throw data_error("{}: not JSON: {}", path.string(), json_reason(error.what()));
  }
}

// What a field of an official file holds; the message of an error names it by its place.
const Json& field(const Json& object, const char* key, const std::string& where) {
  if (!object.is_object() || !object.contains(key)) throw data_error("{}: '{}' is missing", where, key);
  return object.at(key);
}

// The folder, beside the questions, that holds the picture of this name.
fs::path folder_with(const fs::path& beside, const std::vector<std::string>& folders, const std::string& name) {
  for (const std::string& folder : folders)
    if (fs::exists(beside / folder / name)) return beside / folder;
  throw data_error("{}: there is no {}, neither here nor in {}; say where the pictures are (images)", beside.string(), name,
                   fmt::join(folders, ", "));
}

struct Annotation {
  std::vector<Answer> answers;
  std::string question_type, answer_type;
};

std::unordered_map<std::int64_t, Annotation> annotations_of(const std::string& content, const fs::path& path) {
  const Json file = parse_json(content, path);
  std::unordered_map<std::int64_t, Annotation> annotations;
  std::size_t number = 0;
  for (const Json& each : list_of(field(file, "annotations", path.string()), "annotations", path.string())) {
    const std::string where = fmt::format("{}: annotation {}", path.string(), ++number);
    Annotation annotation;
    for (const Json& answer : list_of(field(each, "answers", where), "answers", where)) {
      // The official code compares annotators by value, so that ten equal ones need their numbers.
      const auto id = answer.contains("answer_id") ? number_of(answer.at("answer_id"), "answer_id", where)
                                                   : static_cast<std::int64_t>(annotation.answers.size()) + 1;
      annotation.answers.push_back({text_of(field(answer, "answer", where), "answer", where), id});
    }
    if (annotation.answers.empty()) throw data_error("{}: no answers", where);
    if (each.contains("question_type")) annotation.question_type = text_of(each.at("question_type"), "question_type", where);
    if (each.contains("answer_type")) annotation.answer_type = text_of(each.at("answer_type"), "answer_type", where);
    const std::int64_t id = number_of(field(each, "question_id", where), "question_id", where);
    if (!annotations.emplace(id, std::move(annotation)).second) throw data_error("{}: question {} is annotated twice", where, id);
  }
  return annotations;
}

fs::path annotations_file_of(const SampleSpec& spec) { return spec.annotations.empty() ? annotations_beside(spec.path) : spec.annotations; }

std::vector<Sample> official(const Json& file, const std::string& annotations_content, const SampleSpec& spec) {
  const std::string name = spec.path.string();
  const fs::path beside = spec.path.parent_path(), annotations_file = annotations_file_of(spec);
  std::unordered_map<std::int64_t, Annotation> annotations = annotations_of(annotations_content, annotations_file);
  const std::string subtype = file.contains("data_subtype") ? text_of(file.at("data_subtype"), "data_subtype", name) : "";
  const auto picture = [&](std::int64_t id) { return fmt::format("COCO_{}_{:012}.jpg", subtype, id); };
  std::vector<Sample> samples;
  fs::path images = spec.images;
  std::size_t number = 0;
  for (const Json& each : list_of(field(file, "questions", name), "questions", name)) {
    const std::string where = fmt::format("{}: question {}", name, ++number);
    Sample sample;
    const std::int64_t id = number_of(field(each, "question_id", where), "question_id", where);
    sample.id = std::to_string(id);
    sample.question = text_of(field(each, "question", where), "question", where);
    const std::string image = picture(number_of(field(each, "image_id", where), "image_id", where));
    if (images.empty()) images = folder_with(beside, {".", "images", subtype}, image);
    sample.image = images / image;
    const auto found = annotations.find(id);
    if (found == annotations.end()) throw data_error("{}: question {} has no annotation in {}", where, id, annotations_file.string());
    sample.answers = std::move(found->second.answers);
    sample.question_type = std::move(found->second.question_type);
    sample.answer_type = std::move(found->second.answer_type);
    annotations.erase(found);
    samples.push_back(std::move(sample));
  }
  return samples;
}

// A list of [question, answer, number of the picture], pictures in NUMBER.png.
std::vector<Sample> easy(const Json& file, const SampleSpec& spec) {
  std::vector<Sample> samples;
  fs::path images = spec.images;
  for (const Json& each : file) {
    const std::string where = fmt::format("{}: question {}", spec.path.string(), samples.size() + 1);
    if (!each.is_array() || each.size() != 3) throw data_error("{}: expected [question, answer, image]", where);
    Sample sample;
    sample.id = std::to_string(samples.size());
    sample.question = text_of(each[0], "question", where);
    sample.answers = {{text_of(each[1], "answer", where), 1}};
    const std::string image = fmt::format("{}.png", number_of(each[2], "image", where));
    if (images.empty()) images = folder_with(spec.path.parent_path(), {".", "images"}, image);
    sample.image = images / image;
    samples.push_back(std::move(sample));
  }
  return samples;
}

// `annotations` gives the content of their file; it is not asked for where the answers are with the questions.
template <class Annotations>
std::vector<Sample> samples_of(const std::string& questions, const Annotations& annotations, const SampleSpec& spec) {
  const Json file = parse_json(questions, spec.path);
  std::vector<Sample> samples = file.is_array() ? easy(file, spec) : official(file, annotations(), spec);
  if (samples.empty()) throw data_error("{}: no questions", spec.path.string());
  return samples;
}

std::string read_annotations(const SampleSpec& spec) {
  const fs::path file = annotations_file_of(spec);
  if (file == spec.path)
    throw data_error(
        "{}: its annotations are looked for in the file of this name with annotations in place of questions, which it does not have; "
        "name them (annotations)",
        spec.path.string());
  return read_whole(file);
}

}  // namespace

// v2_OpenEnded_mscoco_train2014_questions.json -> v2_mscoco_train2014_annotations.json; questions.json -> annotations.json
fs::path annotations_beside(const fs::path& questions) {
  std::string name = questions.filename().string();
  for (const auto& [from, to] : {std::pair{"OpenEnded_", ""}, {"MultipleChoice_", ""}, {"questions", "annotations"}})
    if (const std::size_t at = name.find(from); at != name.npos) name.replace(at, std::string_view(from).size(), to);
  return questions.parent_path() / name;
}

std::vector<Sample> parse_vqa(const std::string& questions, const std::string& annotations, const SampleSpec& spec) {
  return samples_of(questions, [&] { return annotations; }, spec);
}

std::unique_ptr<SampleSource> read_vqa(const SampleSpec& spec) {
  return std::make_unique<ListedSamples>(samples_of(read_whole(spec.path), [&] { return read_annotations(spec); }, spec));
}

}  // namespace sluice::data
