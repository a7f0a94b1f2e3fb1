// Windows over cached tokens: window w of a source holds tokens [w·T, w·T + T], T + 1 of them; neighbours share one token, so
// that each target counts once. What is left after the last whole window is not used.
#pragma once

#include "data/token_cache.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace sluice::data {

/// A stretch of one source's tokens.
struct TokenRange {
  std::string name;  // as the recipe names the source
  TokenCachePtr cache;
  std::uint64_t first = 0;
  std::uint64_t count = 0;
  double weight = 1.0;
};

/// The whole of a source.
TokenRange whole_range(std::string name, TokenCachePtr cache, double weight = 1.0);

/// (number of tokens − 1) div seq_length.
std::uint64_t window_count(std::uint64_t tokens, std::int64_t seq_length);

/// Cuts the last floor(fraction · tokens) tokens off `range` and returns them; no token is in both parts. The cut is a function of the
/// tokens and the fraction alone: stages of other sequence lengths, whose models hand on their weights, hold the same text back.
/// Data error with the numbers if either part is shorter than one sequence.
TokenRange split_tail(TokenRange& range, double fraction, std::int64_t seq_length);

/// Which window: the index of its source in Dataset::sources(), and its number in that source.
struct WindowId {
  std::size_t source = 0;
  std::uint64_t window = 0;
};

class Dataset {
 public:
  Dataset() = default;
  /// Data error, naming the source and the numbers, if a source is shorter than one sequence.
  Dataset(std::vector<TokenRange> sources, std::int64_t seq_length);

  std::int64_t seq_length() const { return seq_length_; }
  const std::vector<TokenRange>& sources() const { return sources_; }
  /// Windows of each source.
  const std::vector<std::uint64_t>& windows() const { return windows_; }
  std::uint64_t total_windows() const { return total_windows_; }
  /// The window that has number `index` when the windows of all sources follow each other.
  WindowId locate(std::uint64_t index) const;
  /// Writes the seq_length + 1 tokens of a window.
  void read(WindowId id, std::int32_t* out) const;

 private:
  std::vector<TokenRange> sources_;
  std::vector<std::uint64_t> windows_;
  std::uint64_t total_windows_ = 0;
  std::int64_t seq_length_ = 0;
};

}  // namespace sluice::data
