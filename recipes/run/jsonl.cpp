#include "recipes/run/jsonl.hpp"

#include "core/base/files.hpp"
#include "core/base/log.hpp"

#include <string>
#include <string_view>

namespace sluice::recipes {
namespace {

/// Calls visit(line with its line end, row) for every readable object; says which lines are not.
template <class Visit>
void for_each_row(const std::filesystem::path& path, std::string_view content, const Visit& visit) {
  for (std::size_t number = 1; !content.empty(); ++number) {
    const std::size_t end = content.find('\n');
    if (end == std::string_view::npos) return;  // torn: its writer died before the line end
    const std::string_view line = content.substr(0, end + 1);
    content.remove_prefix(end + 1);
    JsonRow row;
    if (JsonRow::parse(line.substr(0, end), row)) visit(line, row);
    else log_warning("{}:{}: not a flat JSON object; this line is ignored", path.string(), number);
  }
}

}  // namespace

std::vector<JsonRow> read_jsonl(const std::filesystem::path& path) {
  std::vector<JsonRow> rows;
  if (!std::filesystem::exists(path)) return rows;
  for_each_row(path, read_file(path), [&](std::string_view, JsonRow& row) { rows.push_back(std::move(row)); });
  return rows;
}

void cut_back_jsonl(const std::filesystem::path& path, std::int64_t step, std::string_view stage) {
  if (!std::filesystem::exists(path)) return;
  const std::string content = read_file(path);
  std::string kept;
  kept.reserve(content.size());
  for_each_row(path, content, [&](std::string_view line, const JsonRow& row) {
    const std::int64_t at = row.integer("step", step + 1);  // a line without a step belongs to no step that is kept
    const bool of_the_next = at == step && !stage.empty() && row.text("stage") != stage;
    if (at <= step && !of_the_next) kept += line;
  });
  if (kept != content) write_file_atomically(path, kept);
}

}  // namespace sluice::recipes
