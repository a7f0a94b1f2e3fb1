#include "data/reading_notes.hpp"

#include "core/base/counted.hpp"

#include <fmt/format.h>

namespace sluice::data {
namespace {

constexpr std::size_t kLocated = DocumentReader::kLocated;

std::string name_of(std::uint64_t file, const std::vector<SourceFile>& files) {
  return file < files.size() ? files[file].path.string() : "?";
}

}  // namespace

void ReadingNotes::add(std::uint64_t file, const DocumentReader& reader) {
  empty += reader.empty_lines();
  for (const std::uint64_t line : reader.located_empty_lines())
    if (located.size() < kLocated) located.push_back({file, line});
  if (reader.documents() == 0 && reader.empty_lines() == 0) {
    ++empty;
    if (located.size() < kLocated) located.push_back({file, 0});
  }
  if (!reader.begins_as_page()) return;
  ++pages;
  if (page_files.size() < kLocated) page_files.push_back(file);
}

std::vector<std::string> ReadingNotes::describe(const std::string& name, const std::vector<SourceFile>& files) const {
  std::vector<std::string> sentences;
  if (empty > 0) {
    std::string places;
    for (const EmptyPlace& place : located)
      places += fmt::format("{}{}{}", places.empty() ? "" : ", ", name_of(place.file, files),
                            place.line > 0 ? fmt::format(":{}", place.line) : " (the whole file)");
    sentences.push_back(
        fmt::format("{}: {} without text left out: {}{}", name, counted(empty, "document"), places, located.size() < empty ? ", …" : ""));
  }
  if (pages > 0) {
    std::string names;
    for (const std::uint64_t file : page_files) names += (names.empty() ? "" : ", ") + name_of(file, files);
    sentences.push_back(fmt::format("{}: {} as HTML pages do, read as text all the same (a failed download?): {}{}", name,
                                    pages == 1 ? "1 file begins" : fmt::format("{} files begin", pages), names,
                                    page_files.size() < pages ? ", …" : ""));
  }
  return sentences;
}

}  // namespace sluice::data
