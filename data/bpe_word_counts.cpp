#include "data/bpe_word_counts.hpp"

#include <xxhash.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <exception>
#include <thread>

#include "data/chunk_cut.hpp"
#include "data/splitter.hpp"

namespace sluice::data {

namespace {

constexpr std::size_t kArenaBlock = 1 << 18;
constexpr std::size_t kTextBlock = 1 << 18;  // text a thread takes at a time

}  // namespace

WordCounts::WordCounts() : slots_(1 << 12, 0) {}

void WordCounts::add(std::string_view word, std::uint64_t count) { add(XXH3_64bits(word.data(), word.size()), word, count); }

void WordCounts::add(const WordCounts& other) {
  for (const auto& entry : other.entries_) add(entry.hash, {entry.word, entry.length}, entry.count);
}

void WordCounts::add(std::uint64_t hash, std::string_view word, std::uint64_t count) {
  const std::size_t mask = slots_.size() - 1;
  std::size_t i = hash & mask;
  for (; slots_[i]; i = (i + 1) & mask) {
    Entry& entry = entries_[slots_[i] - 1];
    if (entry.hash == hash && entry.length == word.size() && std::memcmp(entry.word, word.data(), word.size()) == 0) {
      entry.count += count;
      return;
    }
  }
  entries_.push_back({hash, keep(word), word.size(), count});
  slots_[i] = static_cast<std::uint32_t>(entries_.size());
  if (2 * entries_.size() > slots_.size()) grow();
}

const char* WordCounts::keep(std::string_view word) {
  if (word.size() > left_) {
    left_ = std::max(kArenaBlock, word.size());
    blocks_.push_back(std::make_unique<char[]>(left_));
    free_ = blocks_.back().get();
  }
  char* kept = free_;
  std::memcpy(kept, word.data(), word.size());
  free_ += word.size();
  left_ -= word.size();
  return kept;
}

void WordCounts::grow() {
  slots_.assign(slots_.size() * 2, 0);
  const std::size_t mask = slots_.size() - 1;
  for (std::size_t e = 0; e < entries_.size(); ++e) {
    std::size_t i = entries_[e].hash & mask;
    while (slots_[i]) i = (i + 1) & mask;
    slots_[i] = static_cast<std::uint32_t>(e + 1);
  }
}

std::vector<std::pair<std::string_view, std::uint64_t>> WordCounts::sorted() const {
  std::vector<std::pair<std::string_view, std::uint64_t>> words;
  words.reserve(entries_.size());
  for (const auto& entry : entries_) words.emplace_back(std::string_view(entry.word, entry.length), entry.count);
  std::sort(words.begin(), words.end());
  return words;
}

void count_words(const std::vector<std::string_view>& documents, std::vector<WordCounts>& counts) {
  std::vector<std::string_view> blocks;
  for (const auto document : documents) {
    for (std::size_t begin = 0; begin < document.size();) {
      const std::size_t end = next_certain_cut(document, std::min(begin + kTextBlock, document.size()));
      blocks.push_back(document.substr(begin, end - begin));
      begin = end;
    }
  }
  std::atomic<std::size_t> next{0};
  const auto work = [&](WordCounts& own) {
    const PieceEnd piece_end = piece_end_of(Splitter::kGpt2);
    for (std::size_t i; (i = next.fetch_add(1)) < blocks.size();) {
      const char* const end = blocks[i].data() + blocks[i].size();
      for (const char* begin = blocks[i].data(); begin < end;) {
        const char* piece = piece_end(begin, end);
        own.add({begin, static_cast<std::size_t>(piece - begin)});
        begin = piece;
      }
    }
  };
  const std::size_t helpers = std::min(counts.size(), blocks.size()) - (blocks.empty() ? 0 : 1);
  std::vector<std::exception_ptr> failures(helpers);
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < helpers; ++t)
    threads.emplace_back([&, t] {
      try {
        work(counts[t + 1]);
      } catch (...) {
        failures[t] = std::current_exception();
      }
    });
  std::exception_ptr failure;
  try {
    work(counts[0]);
  } catch (...) {
    failure = std::current_exception();
  }
  for (auto& thread : threads) thread.join();
  for (const auto& other : failures)
    if (!failure) failure = other;
  if (failure) std::rethrow_exception(failure);
}

}  // namespace sluice::data
