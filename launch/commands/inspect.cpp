#include "core/base/error.hpp"
#include "core/base/log.hpp"
#include "launch/commands/commands.hpp"
#include "launch/commands/inspect_difference.hpp"
#include "launch/commands/inspect_report.hpp"

namespace sluice {
namespace {

using nlohmann::ordered_json;

// The bytes of names may be anything: what is no UTF-8 must not end in an exception.
void print_json(const ordered_json& json) { log_info("{}", json.dump(-1, ' ', false, ordered_json::error_handler_t::replace)); }

void print_lines(const std::vector<std::string>& lines) {
  for (const std::string& line : lines) log_info("{}", line);
}

void warn(const InspectedModel& model) {
  for (const std::string& warning : model.location.warnings) log_warning("{}", warning);
}

int show(const InspectedModel& model, bool json) {
  if (json) print_json(model_json(model));
  else print_lines(describe_model(model));
  if (model.problem.empty()) return 0;
  log_error("{}", model.problem);
  return static_cast<int>(ExitCode::kData);
}

}  // namespace

int inspect_command(const InspectOptions& options) {
  const InspectedModel a = open_inspected_model(options.model);
  warn(a);
  if (options.diff.empty()) return show(a, options.json);
  const InspectedModel b = open_inspected_model(options.diff);
  warn(b);
  for (const InspectedModel* model : {&a, &b})
    if (!model->problem.empty()) log_warning("{}", model->problem);
  const ModelDifference difference = compare_models(a, b);
  if (options.json) print_json(difference_json(a, b, difference));
  else print_lines(describe_difference(a, b, difference));
  return 0;
}

}  // namespace sluice
