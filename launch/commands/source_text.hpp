// Text as the commands read it: the same pieces as in a run, repaired, with warnings for what was repaired and what was not read.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "data/document_reader.hpp"

namespace sluice {

/// What one file held.
struct SourceText {
  std::string path;
  std::uint64_t bytes = 0;  // of text, repaired
  std::uint64_t documents = 0;
};

/// Streams the documents of every source (file, glob or folder) in pieces. Warns of what in folders is not read, of documents without text
/// and of files that are named more than once. Data error for anything that is no text, and if all of it is empty. Returns the files in
/// the order they were read; take() gets their index. `text_key`: of JSONL.
std::vector<SourceText> for_each_piece(const std::vector<std::string>& sources,
                                       const std::function<void(const data::TextPiece& piece, std::size_t file)>& take,
                                       const std::string& text_key);

/// Counts words over pieces in the order for_each_piece gives them: a word that a cut goes through counts once.
class WordCounter {
 public:
  std::uint64_t count(const data::TextPiece& piece);

 private:
  bool inside_word_ = false;
};

/// The text of option `name` of the command line, repaired (a warning says so) and without a byte-order mark at its start.
std::string repaired_argument(const std::string& name, const std::string& text);

}  // namespace sluice
