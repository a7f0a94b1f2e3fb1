#include "data/evaluation_set.hpp"

#include "data/utf8.hpp"

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

namespace sluice::data {

EvaluationSet::EvaluationSet(Dataset dataset, TokenizerPtr tokenizer, std::int64_t sequences)
    : dataset_(std::move(dataset)), tokenizer_(std::move(tokenizer)) {
  const std::uint64_t total = dataset_.total_windows();
  const std::uint64_t count = sequences <= 0 ? total : std::min(total, static_cast<std::uint64_t>(sequences));
  // i·total/count without overflow: the quotient and the remainder apart.
  for (std::uint64_t i = 0; i < count; ++i) windows_.push_back(dataset_.locate(i * (total / count) + i * (total % count) / count));
}

Batch EvaluationSet::rows(std::int64_t begin, std::int64_t end) const {
  Batch batch;
  batch.rows = end - begin;
  batch.width = dataset_.seq_length() + 1;
  batch.tokens.resize(static_cast<std::size_t>(batch.rows * batch.width));
  for (std::int64_t i = begin; i < end; ++i) {
    dataset_.read(windows_.at(static_cast<std::size_t>(i)), batch.tokens.data() + (i - begin) * batch.width);
    batch.samples.push_back(static_cast<std::uint64_t>(i));
  }
  return batch;
}

TargetCounts EvaluationSet::counts(std::int64_t begin, std::int64_t end) const {
  TargetCounts counts;
  const Batch batch = rows(begin, end);
  for (std::int64_t row = 0; row < batch.rows; ++row) {
    for (std::int64_t t = 1; t < batch.width; ++t) counts.bytes += static_cast<std::uint64_t>(tokenizer_->bytes_of(batch.row(row)[t]));
    counts.words += words_in(windows_[static_cast<std::size_t>(begin + row)]);
  }
  counts.tokens = static_cast<std::uint64_t>(batch.rows * (batch.width - 1));
  return counts;
}

std::uint64_t EvaluationSet::words_in(WindowId id) const {
  // A white-space character may be cut by a token's edge; 4 more tokens on either side hold the whole of it.
  constexpr std::uint64_t kMargin = 4;
  const TokenRange& source = dataset_.sources().at(id.source);
  const auto length = static_cast<std::uint64_t>(dataset_.seq_length());
  const std::uint64_t first_target = id.window * length + 1;
  const std::uint64_t from = first_target - std::min(first_target, kMargin);
  const std::uint64_t to = std::min(source.count, first_target + length + kMargin);
  std::vector<std::int32_t> ids(to - from);
  source.cache->copy(source.first + from, ids.size(), ids.data());

  // The text as bytes; a document's end separates words like white space does.
  std::string text;
  std::size_t begin = 0, end = 0;  // bytes of the targets
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (from + i == first_target) begin = text.size();
    if (ids[i] == tokenizer_->eos_id()) text += ' ';
    else text += tokenizer_->decode({&ids[i], 1});
    if (from + i == first_target + length - 1) end = text.size();
  }
  std::uint64_t words = 0;
  bool inside_word = false;
  for (std::size_t at = 0; at < end;) {
    const std::size_t space = whitespace_length(std::string_view(text).substr(at));
    if (space == 0 && !inside_word && at >= begin) ++words;
    inside_word = space == 0;
    at += std::max<std::size_t>(1, space);
  }
  return words;
}

}  // namespace sluice::data
