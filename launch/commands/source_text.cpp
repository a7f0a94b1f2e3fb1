#include "launch/commands/source_text.hpp"

#include <fmt/format.h>

#include <string_view>
#include <utility>

#include "core/base/counted.hpp"
#include "core/base/file_kind.hpp"
#include "core/base/error.hpp"
#include "core/base/log.hpp"
#include "data/reading_notes.hpp"
#include "data/source_files.hpp"
#include "data/utf8.hpp"

namespace sluice {
namespace {

void warn_of_repairs(const std::string& name, const data::Utf8Repairer& utf8) {
  if (utf8.faults() == 0) return;
  std::string places;
  for (const data::Utf8Fault& fault : utf8.located())
    places += fmt::format("{}byte {} ({})", places.empty() ? "" : ", ", fault.offset, data::describe_bytes(fault.bytes));
  log_warning("{}: {} replaced by U+FFFD: {}{}", name, counted(utf8.faults(), "invalid UTF-8 sequence"), places,
              utf8.located().size() < utf8.faults() ? ", ..." : "");
}

bool ends_inside_word(std::string_view text) {
  std::size_t last = text.size() - 1;
  while (last > 0 && (static_cast<unsigned char>(text[last]) & 0xC0) == 0x80) --last;
  return data::whitespace_length(text.substr(last)) == 0;
}

}  // namespace

std::vector<SourceText> for_each_piece(const std::vector<std::string>& sources,
                                       const std::function<void(const data::TextPiece& piece, std::size_t file)>& take,
                                       const std::string& text_key) {
  std::vector<SourceText> files;
  std::vector<data::SourceFile> all;
  std::vector<std::string> warnings;
  std::uint64_t bytes = 0;
  for (const std::string& source : sources) {
    const std::vector<data::SourceFile> of_source = data::find_source_files(source, &warnings);
    data::ReadingNotes notes;
    for (std::size_t i = 0; i < of_source.size(); ++i) {
      const data::SourceFile& found = of_source[i];
      SourceText& file = files.emplace_back();
      file.path = found.path.string();
      data::DocumentReader reader(found, {.text_key = text_key});
      for (data::TextPiece piece; reader.next(piece);) {
        file.bytes += piece.text.size();
        file.documents += piece.begins_document ? 1 : 0;
        take(piece, files.size() - 1);
      }
      warn_of_repairs(file.path, reader.utf8());
      notes.add(i, reader);
      bytes += file.bytes;
    }
    for (std::string& sentence : notes.describe(source, of_source)) warnings.push_back(std::move(sentence));
    all.insert(all.end(), of_source.begin(), of_source.end());
  }
  if (bytes == 0) throw data_error("{}: empty, expected text", fmt::join(sources, ", "));
  if (std::string repeated = data::describe_repeated_files(all); !repeated.empty()) warnings.push_back(std::move(repeated));
  for (const std::string& warning : warnings) log_warning("{}", warning);
  return files;
}

std::uint64_t WordCounter::count(const data::TextPiece& piece) {
  const std::uint64_t words = data::count_words(piece.text, inside_word_ && !piece.begins_document);
  inside_word_ = ends_inside_word(piece.text);
  return words;
}

std::string repaired_argument(const std::string& name, const std::string& text) {
  data::Utf8Repairer utf8(name);
  std::string repaired;
  utf8.append(text, repaired);
  utf8.finish(repaired);
  warn_of_repairs(name, utf8);
  // Left out as at the start of a file, since such text usually comes from one.
  if (repaired.starts_with(kByteOrderMark)) repaired.erase(0, kByteOrderMark.size());
  return repaired;
}

}  // namespace sluice
