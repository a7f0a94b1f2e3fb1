// Trains a byte-level BPE tokenizer (GPT-2 splitter) in parallel.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "data/progress.hpp"
#include "data/tokenizer.hpp"

namespace sluice::data {

class WordCounts;

struct BpeTrainerOptions {
  std::int64_t vocab_size = 4096;  // ids in all: <|endoftext|>, 256 bytes, the rest merges; at least 257
  int threads = 1;                 // at least 1; the result does not depend on it
  std::int64_t min_frequency = 0;  // pairs rarer than this are not merged
};

/// Example: BpeTrainer trainer({.vocab_size = 4096, .threads = 2}); trainer.add(text); auto tokenizer = trainer.finish();
///
/// Ids are those Hugging Face's BpeTrainer gives for special_tokens ["<|endoftext|>"] and the whole byte alphabet:
/// 0 is <|endoftext|>, 1..256 the bytes in the order of their characters (data/byte_level.hpp), then the merges as learned.
class BpeTrainer {
 public:
  /// Usage error if the options make no sense.
  explicit BpeTrainer(const BpeTrainerOptions& options);
  ~BpeTrainer();
  BpeTrainer(const BpeTrainer&) = delete;
  BpeTrainer& operator=(const BpeTrainer&) = delete;

  /// Counts the pieces of one text (valid UTF-8); no piece goes beyond its ends. Small texts are gathered and counted together, large ones
  /// are counted at once without a copy. Cut a document only at next_certain_cut (data/chunk_cut.hpp), so that its pieces stay the same.
  void add(std::string_view text);

  /// Learns the merges; call once, last. The vocabulary is smaller than asked for if the text has no more pairs to merge.
  /// `progress` is called while the pairs in words are counted, then while merges are learned: at least at the start and the end of these.
  TokenizerPtr finish(const ProgressCallback& progress = {});

 private:
  void count_pending();

  BpeTrainerOptions options_;
  std::vector<WordCounts> counts_;  // one per thread
  std::string pending_;
  std::vector<std::size_t> pending_ends_;
};

}  // namespace sluice::data
