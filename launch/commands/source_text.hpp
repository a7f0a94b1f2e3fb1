// Text as the commands read it: in the same repaired pieces as in a run, with warnings for what was repaired and what was not read.
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

/// Streams the documents of every source (file, glob or folder) in pieces: take(piece, index of its file in the result). Warns of repaired
/// UTF-8, of files in folders that are not read, of documents without text, and of files that are named more than once. Data error for
/// a file that is no text, and if there is no text at all. Returns the files in the order in which they were read. `text_key` is the key of
/// the text in a JSONL line.
std::vector<SourceText> for_each_piece(const std::vector<std::string>& sources,
                                       const std::function<void(const data::TextPiece& piece, std::size_t file)>& take,
                                       const std::string& text_key);

/// Counts whitespace-separated words over pieces in the order in which for_each_piece gives them. A word cut in two counts once.
class WordCounter {
 public:
  /// The number of words that begin in this piece.
  std::uint64_t count(const data::TextPiece& piece);

 private:
  bool inside_word_ = false;
};

/// `text`, the value of the option `name` of the command line, with its UTF-8 repaired (with a warning) and without a byte-order mark.
std::string repaired_argument(const std::string& name, const std::string& text);

}  // namespace sluice
