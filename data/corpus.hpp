// The data of a run, from what a recipe names to batches and evaluation windows.
//
//   one process (the others wait, outside any deadline):  prepare_corpus(options, *tokenizer, cache_dir, progress)
//   every process, afterwards:                            Corpus corpus(options, tokenizer, cache_dir)
//   before a tokenizer exists:                            for_each_text_chunk(options, sink)
#pragma once

#include "data/corpus_fingerprint.hpp"
#include "data/dataset.hpp"
#include "data/evaluation_set.hpp"
#include "data/loader.hpp"
#include "data/progress.hpp"
#include "data/sampler.hpp"
#include "data/tokenizer.hpp"
#include "data/utf8.hpp"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::data {

struct DataSource {
  std::string path;     // file, glob or folder (source_files.hpp)
  double weight = 1.0;  // how often its text is seen, relative to text of weight 1 (sampler.hpp)
};

/// The data part of a recipe.
struct DataOptions {
  std::vector<DataSource> train;
  std::vector<DataSource> validation;
  double validation_split = 0.0;     // share of each train source cut off its end when `validation` is empty
  std::int64_t eval_sequences = 64;  // windows in evaluation(); 0 or less: all
  std::string text_key = "text";     // the key of the text in a JSONL line
  InvalidUtf8 invalid_utf8 = InvalidUtf8::kReplace;
  std::int64_t seq_length = 256;
  Order order = Order::kShuffled;
  std::int64_t global_batch_size = 0;  // samples a step, 0: not known. If it is known, a contiguous order with too little text is refused
  int threads = 0;                     // tokenizing threads; 0: as many as the machine has cores
};

/// A source as it was found.
struct SourceSummary {
  std::string name;
  SourceStatistics statistics;
};

struct CorpusSummary {
  std::vector<SourceSummary> train;
  std::vector<SourceSummary> validation;
  /// Complete sentences for the user: what lies in folders and is not read, files that are named more than once (source_files.hpp),
  /// settings of validation that have no effect, documents without text (reading_notes.hpp), invalid UTF-8 that was replaced (counted,
  /// located), validation text that is also trained on (overlap.hpp).
  std::vector<std::string> warnings;
};

/// Makes the token caches that are missing, and writes a note from which Corpus learns which caches to open. Call it in one process.
/// Data error (exit 3) for anything wrong with the text (source_files.hpp, document_reader.hpp, dataset.hpp), usage error for weights
/// that fit no order (sampler.hpp).
CorpusSummary prepare_corpus(const DataOptions& options, const Tokenizer& tokenizer, const std::filesystem::path& cache_dir,
                             const ProgressCallback& progress = {});

/// Streams the training text, its UTF-8 repaired, in pieces of at most about a megabyte: sink(text, ends_document). No pre-token crosses
/// the cuts (chunk_cut.hpp). The text that validation_split takes for validation is included.
void for_each_text_chunk(const DataOptions& options, const std::function<void(std::string_view text, bool ends_document)>& sink,
                         const ProgressCallback& progress = {});

class Corpus {
 public:
  /// Opens what prepare_corpus() made for the same options and tokenizer. Data error if it is not there or does not fit.
  Corpus(const DataOptions& options, TokenizerPtr tokenizer, const std::filesystem::path& cache_dir);

  const Dataset& train() const { return train_; }            // empty if no train source is named
  const Dataset& validation() const { return validation_; }  // empty if there is none
  /// Tokens of an epoch of training that no sample holds: what is left after the last window of each source and, in contiguous order,
  /// after the last window of the lanes.
  std::uint64_t unused_tokens() const;
  bool has_validation() const { return validation_.total_windows() > 0; }
  const CorpusSummary& summary() const { return summary_; }  // without warnings
  const CorpusFingerprint& fingerprint() const { return fingerprint_; }

  Sampler sampler(std::uint64_t seed, std::int64_t global_batch_size) const;
  /// Batches of rank `rank` of `world_size`, from `step` on. The loader stays valid without the corpus. Usage error if `world_size` does
  /// not divide `global_batch_size`.
  std::unique_ptr<Loader> loader(std::uint64_t seed, std::int64_t global_batch_size, int rank, int world_size, std::uint64_t step) const;
  /// eval_sequences windows, evenly spread over the validation text (all windows if there are fewer). Empty without validation text.
  EvaluationSet evaluation() const;

 private:
  DataOptions options_;
  TokenizerPtr tokenizer_;
  Dataset train_;
  Dataset validation_;
  CorpusSummary summary_;
  CorpusFingerprint fingerprint_;
};

}  // namespace sluice::data
