#include "data/corpus.hpp"

#include "core/base/error.hpp"
#include "core/base/files.hpp"
#include "data/corpus_build.hpp"

#include <utility>

namespace sluice::data {
namespace {

std::vector<TokenCachePtr> open_caches(const std::vector<SourceFingerprint>& sources, const std::filesystem::path& cache_dir) {
  std::vector<TokenCachePtr> caches;
  for (const SourceFingerprint& source : sources)
    caches.push_back(std::make_shared<TokenCache>(token_cache_path(cache_dir, source.key), source.key));
  return caches;
}

std::vector<SourceSummary> summarize(const std::vector<DataSource>& sources, const std::vector<TokenCachePtr>& caches) {
  std::vector<SourceSummary> result;
  for (std::size_t i = 0; i < sources.size(); ++i) result.push_back({sources[i].path, caches[i]->statistics()});
  return result;
}

}  // namespace

Corpus::Corpus(const DataOptions& options, TokenizerPtr tokenizer, const std::filesystem::path& cache_dir)
    : options_(options), tokenizer_(std::move(tokenizer)) {
  require_valid_options(options_);
  const std::filesystem::path note = corpus_note_path(options_, *tokenizer_, cache_dir);
  if (!std::filesystem::exists(note))
    throw data_error("{}: the corpus has not been prepared in this cache folder; is the folder shared by all nodes?", note.string());
  fingerprint_ = CorpusFingerprint::from_json(read_file(note), note.string());
  if (fingerprint_.train.size() != options_.train.size() || fingerprint_.validation.size() != options_.validation.size())
    throw data_error("{}: damaged: {} + {} sources, expected {} + {}; delete it", note.string(), fingerprint_.train.size(),
                     fingerprint_.validation.size(), options_.train.size(), options_.validation.size());
  const std::vector<TokenCachePtr> train = open_caches(fingerprint_.train, cache_dir);
  const std::vector<TokenCachePtr> validation = open_caches(fingerprint_.validation, cache_dir);
  summary_.train = summarize(options_.train, train);
  summary_.validation = summarize(options_.validation, validation);
  auto datasets = make_datasets(options_, train, validation);
  train_ = std::move(datasets.first);
  validation_ = std::move(datasets.second);
}

std::uint64_t Corpus::unused_tokens() const {
  const auto length = static_cast<std::uint64_t>(options_.seq_length);
  std::uint64_t unused = 0;
  for (std::size_t i = 0; i < train_.sources().size(); ++i) unused += train_.sources()[i].count - 1 - train_.windows()[i] * length;
  if (options_.order == Order::kContiguous && options_.global_batch_size > 0)
    unused += train_.total_windows() % static_cast<std::uint64_t>(options_.global_batch_size) * length;
  return unused;
}

Sampler Corpus::sampler(std::uint64_t seed, std::int64_t global_batch_size) const {
  return make_sampler(train_, options_.order, seed, global_batch_size);
}

std::unique_ptr<Loader> Corpus::loader(std::uint64_t seed, std::int64_t global_batch_size, int rank, int world_size,
                                       std::uint64_t step) const {
  shard_of_step(0, global_batch_size, rank, world_size);  // refuses what does not fit here, not in the thread
  const auto make = [dataset = train_, order = sampler(seed, global_batch_size), global_batch_size, rank, world_size](std::uint64_t at) {
    const SampleRange range = shard_of_step(at, global_batch_size, rank, world_size);
    Batch batch;
    batch.step = at;
    batch.rows = static_cast<std::int64_t>(range.end - range.begin);
    batch.width = dataset.seq_length() + 1;
    batch.tokens.resize(static_cast<std::size_t>(batch.rows * batch.width));
    std::int32_t* row = batch.tokens.data();
    for (std::uint64_t sample = range.begin; sample < range.end; ++sample, row += batch.width) {
      dataset.read(order(sample), row);
      batch.samples.push_back(sample);
    }
    return batch;
  };
  return std::make_unique<Loader>(make, step);
}

EvaluationSet Corpus::evaluation() const { return EvaluationSet(validation_, tokenizer_, options_.eval_sequences); }

}  // namespace sluice::data
