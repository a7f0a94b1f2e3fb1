#include "data/samples/delimited_rows.hpp"

#include "core/base/error.hpp"

#include <algorithm>

namespace sluice::data {

void for_each_row(std::string_view content, char separator, const std::string& where,
                  const std::function<void(const std::vector<std::string>& fields, std::size_t line)>& take) {
  std::vector<std::string> fields;
  std::size_t line = 1, begin_line = 1;
  const bool quotes = separator == ',';
  const auto ends_row = [&](std::size_t at) {
    return at == content.size() || content[at] == '\n' || (content[at] == '\r' && at + 1 < content.size() && content[at + 1] == '\n');
  };
  for (std::size_t at = 0; at < content.size();) {
    std::string field;
    if (quotes && content[at] == '"') {
      const std::size_t opened = line;
      for (++at;; ++at) {
        if (at == content.size()) throw data_error("{}:{}: a field in quotation marks that does not end", where, opened);
        if (content[at] == '"') {
          if (at + 1 == content.size() || content[at + 1] != '"') break;
          ++at;
        }
        line += content[at] == '\n';
        field += content[at];
      }
      ++at;
      if (!ends_row(at) && content[at] != separator) throw data_error("{}:{}: text behind a field in quotation marks", where, line);
    } else {
      const std::size_t first = at;
      while (!ends_row(at) && content[at] != separator) ++at;
      field = std::string(content.substr(first, at - first));
    }
    fields.push_back(std::move(field));
    if (at < content.size() && content[at] == separator) {
      ++at;
      if (at == content.size()) fields.emplace_back();  // the last field of the file is empty
      if (at < content.size() && ends_row(at)) fields.emplace_back();
      else if (at < content.size()) continue;
    }
    if (fields.size() > 1 || !fields.front().empty()) take(fields, begin_line);
    fields.clear();
    if (at < content.size()) at += content[at] == '\r' ? 2 : 1;
    begin_line = ++line;
  }
}

}  // namespace sluice::data
