// The windows that an evaluation computes the loss of, and how many tokens, bytes and words their targets are. These counts turn a summed
// loss in nats into bits per byte and word perplexity.
#pragma once

#include "data/dataset.hpp"
#include "data/loader.hpp"
#include "data/tokenizer.hpp"

#include <cstdint>
#include <vector>

namespace sluice::data {

/// Counts over the targets of some windows. The targets of a window are the last T of its T + 1 tokens.
struct TargetCounts {
  std::uint64_t tokens = 0;
  std::uint64_t bytes = 0;  // of text (Tokenizer::bytes_of); an EOS has none
  std::uint64_t words = 0;  // whitespace-separated words whose first byte is in a target
};

class EvaluationSet {
 public:
  EvaluationSet() = default;
  /// min(sequences, windows there are) windows, evenly spread over the dataset; 0 or less means all.
  EvaluationSet(Dataset dataset, TokenizerPtr tokenizer, std::int64_t sequences);

  std::int64_t size() const { return static_cast<std::int64_t>(windows_.size()); }
  std::int64_t seq_length() const { return dataset_.seq_length(); }
  /// Windows [begin, end) as a batch; `samples` are their positions in this set, `step` is 0.
  Batch rows(std::int64_t begin, std::int64_t end) const;
  /// Counts over the targets of windows [begin, end). Over all windows of a dataset this is its text without the first token of each
  /// source and the tokens behind its last window.
  TargetCounts counts(std::int64_t begin, std::int64_t end) const;

 private:
  std::uint64_t words_in(WindowId id) const;

  Dataset dataset_;
  TokenizerPtr tokenizer_;
  std::vector<WindowId> windows_;
};

}  // namespace sluice::data
