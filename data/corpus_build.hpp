// What preparing and opening a corpus share; private to corpus.hpp.
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

/// Where prepare_corpus() notes which caches serve these options: a function of the paths (made absolute), how they are read, and the
/// tokenizer.
std::filesystem::path corpus_note_path(const DataOptions& options, const Tokenizer& tokenizer, const std::filesystem::path& cache_dir);

/// The order of the training windows.
Sampler make_sampler(const Dataset& train, Order order, std::uint64_t seed, std::int64_t global_batch_size);

/// Training and validation windows, the split applied. Data error if a source is too short, or the text for the order and the batch.
std::pair<Dataset, Dataset> make_datasets(const DataOptions& options, const std::vector<TokenCachePtr>& train,
                                          const std::vector<TokenCachePtr>& validation);

}  // namespace sluice::data
