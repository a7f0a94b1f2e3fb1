#include "data/dataset.hpp"

#include "core/base/error.hpp"

#include <cmath>
#include <utility>

namespace sluice::data {

TokenRange whole_range(std::string name, TokenCachePtr cache, double weight) {
  const std::uint64_t count = cache->size();
  return {std::move(name), std::move(cache), 0, count, weight};
}

std::uint64_t window_count(std::uint64_t tokens, std::int64_t seq_length) {
  return tokens == 0 ? 0 : (tokens - 1) / static_cast<std::uint64_t>(seq_length);
}

TokenRange split_tail(TokenRange& range, double fraction, std::int64_t seq_length) {
  const auto tail = static_cast<std::uint64_t>(std::floor(fraction * static_cast<double>(range.count)));
  if (tail > range.count || window_count(tail, seq_length) == 0 || window_count(range.count - tail, seq_length) == 0)
    throw data_error(
        "{}: {} tokens cannot be split: validation_split({}) holds {} of them back for validation, and both parts need at least "
        "seq_length({}) + 1 = {}; use more text, another split or a shorter seq_length, or name validation files",
        range.name, range.count, fraction, tail, seq_length, seq_length + 1);
  TokenRange validation = range;
  range.count -= tail;
  validation.first += range.count;
  validation.count = tail;
  return validation;
}

Dataset::Dataset(std::vector<TokenRange> sources, std::int64_t seq_length) : sources_(std::move(sources)), seq_length_(seq_length) {
  for (const TokenRange& source : sources_) {
    windows_.push_back(window_count(source.count, seq_length));
    total_windows_ += windows_.back();
    if (windows_.back() == 0)
      throw data_error(
          "{}: {} tokens are less than one sequence: seq_length({}) + 1 = {} are needed; use more text or a shorter seq_length",
          source.name, source.count, seq_length, seq_length + 1);
  }
}

WindowId Dataset::locate(std::uint64_t index) const {
  for (std::size_t source = 0; source < windows_.size(); ++source) {
    if (index < windows_[source]) return {source, index};
    index -= windows_[source];
  }
  throw data_error("window {} does not exist: there are {}", index + total_windows_, total_windows_);
}

void Dataset::read(WindowId id, std::int32_t* out) const {
  const TokenRange& source = sources_.at(id.source);
  const auto length = static_cast<std::uint64_t>(seq_length_);
  source.cache->copy(source.first + id.window * length, length + 1, out);
}

}  // namespace sluice::data
