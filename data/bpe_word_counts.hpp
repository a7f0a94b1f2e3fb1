// Counts how often every piece of a text occurs. A piece, called a word here, is what the splitter cuts the text into.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

namespace sluice::data {

class WordCounts {
 public:
  WordCounts();
  void add(std::string_view word, std::uint64_t count = 1);
  void add(const WordCounts& other);
  /// Words with their counts in ascending order of bytes; valid as long as this object.
  std::vector<std::pair<std::string_view, std::uint64_t>> sorted() const;

 private:
  struct Entry {
    std::uint64_t hash;
    const char* word;
    std::size_t length;
    std::uint64_t count;
  };

  void add(std::uint64_t hash, std::string_view word, std::uint64_t count);
  const char* keep(std::string_view word);
  void grow();

  std::vector<Entry> entries_;
  std::vector<std::uint32_t> slots_;  // 1 + index of an entry, or 0
  std::vector<std::unique_ptr<char[]>> blocks_;
  std::size_t left_ = 0;
  char* free_ = nullptr;
};

/// Counts the GPT-2 pieces of `documents`, cut into blocks at certain cuts, with one thread per element of `counts`.
/// The sum over `counts` does not depend on their number.
void count_words(const std::vector<std::string_view>& documents, std::vector<WordCounts>& counts);

}  // namespace sluice::data
