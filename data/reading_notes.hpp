// Remarks on a source that was read: documents without text, which were left out, and .txt files that look like HTML pages.
#pragma once

#include "data/document_reader.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace sluice::data {

struct ReadingNotes {
  struct EmptyPlace {
    std::uint64_t file = 0;  // which file of the source, in order
    std::uint64_t line = 0;  // of a JSONL file, from 1; 0: the whole file is without text
  };
  std::uint64_t empty = 0;                // documents without text
  std::vector<EmptyPlace> located;        // the first of them
  std::uint64_t pages = 0;                // .txt files that begin as HTML pages do
  std::vector<std::uint64_t> page_files;  // the first of them

  /// Adds a file that has been read to its end.
  void add(std::uint64_t file, const DocumentReader& reader);
  /// Sentences for the user about the source `name` with these files; none if there is nothing to say.
  std::vector<std::string> describe(const std::string& name, const std::vector<SourceFile>& files) const;
};

}  // namespace sluice::data
