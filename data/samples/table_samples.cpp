// A .csv or .tsv file with named columns.
#include "core/base/counted.hpp"
#include "core/base/error.hpp"
#include "core/base/file_kind.hpp"
#include "data/samples/delimited_rows.hpp"
#include "data/samples/listed_samples.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace sluice::data {
namespace {

constexpr std::string_view kColumns[] = {"id", "text", "text_b", "label", "image", "audio", "question", "answer"};

void require_columns(const std::vector<std::string>& columns, const std::string& where) {
  for (std::size_t i = 0; i < columns.size(); ++i) {
    if (columns[i].empty()) continue;
    if (std::find(std::begin(kColumns), std::end(kColumns), columns[i]) == std::end(kColumns))
      throw data_error("{}: unknown column '{}'; expected {} (or the key columns, with \"\" for one that is not read)", where, columns[i],
                       fmt::join(kColumns, ", "));
    if (std::find(columns.begin(), columns.begin() + static_cast<std::ptrdiff_t>(i), columns[i]) !=
        columns.begin() + static_cast<std::ptrdiff_t>(i))
      throw data_error("{}: the column '{}' is there twice", where, columns[i]);
  }
}

Sample sample_of(const std::vector<std::string>& columns, const std::vector<std::string>& fields, const std::filesystem::path& folder,
                 const std::string& where) {
  if (fields.size() != columns.size())
    throw data_error("{}: {} in the row, {} named", where, counted(fields.size(), "field"), counted(columns.size(), "column"));
  Sample sample;
  for (std::size_t i = 0; i < fields.size(); ++i) {
    const std::string &column = columns[i], &field = fields[i];
    if (column.empty() || field.empty()) continue;
    require_utf8(field, where);
    if (column == "id") sample.id = field;
    else if (column == "text") sample.text = {field};
    else if (column == "text_b") sample.text_b = field;
    else if (column == "label") sample.label = field;
    else if (column == "image") sample.image = folder / field;
    else if (column == "audio") sample.audio = folder / field;
    else if (column == "question") sample.question = field;
    else sample.answers = {{field, 1}};
  }
  if (sample.is_empty()) throw data_error("{}: a sample without text, image, audio or question", where);
  if (!sample.answers.empty() && sample.question.empty()) throw data_error("{}: an answer without a question", where);
  return sample;
}

}  // namespace

std::vector<Sample> parse_table(std::string_view text, const SampleSpec& spec) {
  std::filesystem::path name = spec.path;
  if (name.extension() == ".gz" || name.extension() == ".zst") name = name.stem();
  const char separator = name.extension() == ".tsv" ? '\t' : ',';
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  std::vector<std::string> columns = spec.columns;
  if (!columns.empty()) require_columns(columns, spec.path.string());
  SampleList samples(spec.path);
  for_each_row(text, separator, spec.path.string(), [&](const std::vector<std::string>& fields, std::size_t line) {
    const std::string where = fmt::format("{}:{}", spec.path.string(), line);
    if (columns.empty()) {
      columns = fields;
      require_columns(columns, where);
      return;
    }
    samples.add(sample_of(columns, fields, spec.path.parent_path(), where), line);
  });
  return samples.take();
}

std::unique_ptr<SampleSource> read_csv_samples(const SampleSpec& spec) {
  return std::make_unique<ListedSamples>(parse_table(read_whole(spec.path), spec));
}

}  // namespace sluice::data
