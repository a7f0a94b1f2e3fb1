// summary.json: writing and reading.
#include "core/base/error.hpp"
#include "core/base/files.hpp"
#include "core/base/json_reason.hpp"
#include "recipes/run/summary.hpp"

#include <nlohmann/json.hpp>

#include <limits>

namespace sluice::recipes {
namespace {

using Json = nlohmann::ordered_json;

Json from_validation(const std::optional<Validation>& validation) {
  if (!validation) return nullptr;
  return {{"step", validation->step}, {"validation_loss", validation->loss}, {"validation_bits_per_byte", validation->bits_per_byte}};
}

/// NaN is written as null and read back as NaN.
double number(const Json& value) { return value.is_null() ? std::numeric_limits<double>::quiet_NaN() : value.get<double>(); }

std::optional<Validation> to_validation(const Json& value) {
  if (value.is_null()) return std::nullopt;
  return Validation{value.at("step").get<std::int64_t>(), number(value.at("validation_loss")),
                    number(value.at("validation_bits_per_byte"))};
}

Json from_window(const WindowSummary& window) {
  Json means = Json::object();
  for (const auto& [layer, mean] : window.mean_max_violation) means[layer] = mean;
  return {{"step", window.step},
          {"steps", window.steps},
          {"dead_experts", window.dead_experts},
          {"starved_experts", window.starved_experts},
          {"max_violation", window.max_violation},
          {"mean_max_violation", std::move(means)}};
}

/// Absent in a dense stage, and in summaries of earlier versions.
std::optional<WindowSummary> to_window(const Json& stage) {
  const auto found = stage.find("last_window");
  if (found == stage.end()) return std::nullopt;
  WindowSummary window{found->at("step").get<std::int64_t>(),
                       found->at("steps").get<std::int64_t>(),
                       found->at("dead_experts").get<std::int64_t>(),
                       found->at("starved_experts").get<std::int64_t>(),
                       number(found->at("max_violation")),
                       {}};
  for (const auto& [layer, mean] : found->at("mean_max_violation").items()) window.mean_max_violation.emplace_back(layer, number(mean));
  return window;
}

/// Absent, unlike null, means that no evaluation took place at that step.
std::optional<double> optional_number(const Json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end()) return std::nullopt;
  return number(*found);
}

Json from_conversion(const ConversionSummary& conversion) {
  Json object = Json::parse(receipt_row(conversion.receipt).to_json());
  if (conversion.validation_loss_after_10_steps) object["validation_loss_after_10_steps"] = *conversion.validation_loss_after_10_steps;
  if (conversion.validation_loss_after_50_steps) object["validation_loss_after_50_steps"] = *conversion.validation_loss_after_50_steps;
  return object;
}

ConversionSummary to_conversion(const Json& object) {
  JsonRow row;
  if (!JsonRow::parse(object.dump(), row)) throw std::runtime_error("a conversion is not a flat object");
  return {receipt_from_row(row), optional_number(object, "validation_loss_after_10_steps"),
          optional_number(object, "validation_loss_after_50_steps")};
}

template <class E>
E named(const Json& object, const char* key) {
  const std::string name = object.at(key).get<std::string>();
  if (const std::optional<E> value = value_of<E>(name)) return *value;
  throw std::runtime_error(std::string("unknown ") + key + " '" + name + "'");
}

}  // namespace

void write_summary(const std::filesystem::path& path, const RunSummary& summary) {
  Json json = {{"finished", summary.finished},   {"name", summary.name},
               {"directory", summary.directory}, {"dtype", std::string(name_of(summary.dtype))},
               {"steps", summary.steps},         {"tokens", summary.tokens},
               {"seconds", summary.seconds}};
  json["stages"] = Json::array();
  for (const StageSummary& stage : summary.stages) {
    json["stages"].push_back({{"name", stage.name},
                              {"type", std::string(name_of(stage.type))},
                              {"steps", stage.steps},
                              {"first_validation", from_validation(stage.first_validation)},
                              {"last_validation", from_validation(stage.last_validation)}});
    if (stage.last_window) json["stages"].back()["last_window"] = from_window(*stage.last_window);
  }
  json["conversions"] = Json::array();
  for (const ConversionSummary& conversion : summary.conversions) json["conversions"].push_back(from_conversion(conversion));
  write_file_atomically(path, json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
}

RunSummary read_summary(const std::filesystem::path& path) {
  const std::string content = read_file(path);
  RunSummary summary;
  try {
    const Json json = Json::parse(content);
    summary.finished = json.at("finished").get<bool>();
    summary.name = json.at("name").get<std::string>();
    summary.directory = json.at("directory").get<std::string>();
    summary.dtype = named<DType>(json, "dtype");
    summary.steps = json.at("steps").get<std::int64_t>();
    summary.tokens = json.at("tokens").get<std::int64_t>();
    summary.seconds = number(json.at("seconds"));
    for (const Json& stage : json.at("stages"))
      summary.stages.push_back({stage.at("name").get<std::string>(), named<StageType>(stage, "type"), stage.at("steps").get<std::int64_t>(),
                                to_validation(stage.at("first_validation")), to_validation(stage.at("last_validation")), to_window(stage)});
    for (const Json& conversion : json.at("conversions")) summary.conversions.push_back(to_conversion(conversion));
  } catch (const std::exception& problem) {
    throw data_error("{}: not a run summary ({}); remove it to continue the run from its last checkpoint", path.string(),
                     content.empty() ? "it is empty" : json_reason(problem.what()));
  }
  return summary;
}

}  // namespace sluice::recipes
