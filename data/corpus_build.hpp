// Functions that preparing and opening a corpus have in common. Private to the implementation of corpus.hpp.
#pragma once

#include "data/corpus.hpp"
#include "data/token_cache_builder.hpp"

#include <filesystem>
#include <utility>
#include <vector>

namespace sluice::data {

/// Usage error if nothing is named or a number is out of range.
void require_valid_options(const DataOptions& options);

ReadOptions read_options(const DataOptions& options);

/// The file in which prepare_corpus() notes the keys of the caches for these options. Its name is a hash of the sources' paths (made
/// absolute), text_key and the tokenizer.
std::filesystem::path corpus_note_path(const DataOptions& options, const Tokenizer& tokenizer, const std::filesystem::path& cache_dir);

/// The order of the training windows.
Sampler make_sampler(const Dataset& train, Order order, std::uint64_t seed, std::int64_t global_batch_size);

/// The windows of training and of validation, after validation_split. `train` and `validation` are the caches of the sources in `options`,
/// in their order. Data error if a source is shorter than a sequence, or if a contiguous order has fewer windows than a batch has samples.
std::pair<Dataset, Dataset> make_datasets(const DataOptions& options, const std::vector<TokenCachePtr>& train,
                                          const std::vector<TokenCachePtr>& validation);

}  // namespace sluice::data
