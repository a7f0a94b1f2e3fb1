#include "data/corpus_build.hpp"

#include "core/base/counted.hpp"
#include "core/base/error.hpp"
#include "core/base/files.hpp"
#include "data/file_index.hpp"
#include "data/hash128.hpp"
#include "data/overlap.hpp"
#include "data/waiting_lock.hpp"

#include <algorithm>
#include <thread>

namespace sluice::data {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kSayEvery = std::uint64_t{1} << 19;  // bytes between two signs of life; pieces have up to twice as many

/// The sources of training or of validation.
struct BuiltSources {
  std::vector<TokenCachePtr> caches;
  std::vector<std::vector<SourceFile>> files;
};

BuiltSources build_caches(const char* role, const std::vector<DataSource>& sources, const DataOptions& options, const Tokenizer& tokenizer,
                          const fs::path& cache_dir, FileIndex& index, const ProgressCallback& progress,
                          std::vector<std::string>& warnings) {
  const int threads = options.threads > 0 ? options.threads : static_cast<int>(std::thread::hardware_concurrency());
  BuiltSources built;
  std::vector<SourceFile> all;
  for (const DataSource& named : sources) {
    SourceText source{named.path, find_source_files(named.path, &warnings), {}, read_options(options), {}};
    for (const SourceFile& file : source.files) source.hashes.push_back(index.content_hash(file.path, named.path, progress));
    source.require_unchanged = [&] {
      for (const SourceFile& file : source.files) index.require_unchanged(file.path);
    };
    built.caches.push_back(build_token_cache(source, tokenizer, cache_dir, threads, progress));
    all.insert(all.end(), source.files.begin(), source.files.end());
    built.files.push_back(std::move(source.files));
  }
  if (const std::string repeated = describe_repeated_files(all); !repeated.empty())
    warnings.push_back(fmt::format("{}: {}", role, repeated));
  return built;
}

void summarize(const std::vector<DataSource>& sources, const BuiltSources& built, std::vector<SourceSummary>& summaries,
               std::vector<std::string>& warnings) {
  for (std::size_t i = 0; i < sources.size(); ++i) {
    const SourceStatistics& statistics = built.caches[i]->statistics();
    const std::vector<SourceFile>& files = built.files[i];
    summaries.push_back({sources[i].path, statistics});
    for (std::string& sentence : statistics.notes.describe(sources[i].path, files)) warnings.push_back(std::move(sentence));
    if (statistics.invalid_utf8 == 0) continue;
    std::string places;
    for (const LocatedFault& fault : statistics.located)
      places += fmt::format("{}{} byte {} ({})", places.empty() ? "" : ", ",
                            fault.file < files.size() ? files[fault.file].path.string() : "?", fault.offset, fault.bytes);
    warnings.push_back(fmt::format("{}: {} replaced by U+FFFD: {}{}", sources[i].path,
                                   counted(statistics.invalid_utf8, "invalid UTF-8 sequence"), places,
                                   statistics.located.size() < statistics.invalid_utf8 ? ", …" : ""));
  }
}

std::vector<SourceFingerprint> keys_of(const std::vector<DataSource>& sources, const std::vector<TokenCachePtr>& caches) {
  std::vector<SourceFingerprint> keys;
  for (std::size_t i = 0; i < sources.size(); ++i) keys.push_back({sources[i].path, caches[i]->key()});
  return keys;
}

}  // namespace

void require_valid_options(const DataOptions& options) {
  if (options.train.empty() && options.validation.empty()) throw usage_error("data.train names no text");
  if (options.seq_length < 1) throw usage_error("data.seq_length({}) must be at least 1", options.seq_length);
  if (!(options.validation_split >= 0.0 && options.validation_split < 1.0))
    throw usage_error("data.validation_split({}) must be at least 0 and less than 1", options.validation_split);
}

ReadOptions read_options(const DataOptions& options) { return {options.text_key, options.invalid_utf8}; }

fs::path corpus_note_path(const DataOptions& options, const Tokenizer& tokenizer, const fs::path& cache_dir) {
  Hash128 hash;
  for (const auto* sources : {&options.train, &options.validation}) {
    hash.field(sources->size());
    for (const DataSource& source : *sources) hash.field(fs::absolute(source.path).lexically_normal().string());
  }
  hash.field(options.text_key);
  hash.field(tokenizer.json());
  hash.field(static_cast<std::uint64_t>(tokenizer.eos_id()));
  return cache_dir / ("corpus-" + hash.hex() + ".json");
}

std::pair<Dataset, Dataset> make_datasets(const DataOptions& options, const std::vector<TokenCachePtr>& train,
                                          const std::vector<TokenCachePtr>& validation) {
  std::vector<TokenRange> train_ranges, validation_ranges;
  for (std::size_t i = 0; i < train.size(); ++i)
    train_ranges.push_back(whole_range(options.train[i].path, train[i], options.train[i].weight));
  for (std::size_t i = 0; i < validation.size(); ++i) validation_ranges.push_back(whole_range(options.validation[i].path, validation[i]));
  if (validation.empty() && options.validation_split > 0.0)
    for (TokenRange& range : train_ranges) validation_ranges.push_back(split_tail(range, options.validation_split, options.seq_length));
  Dataset training(std::move(train_ranges), options.seq_length);
  // For its errors: what cannot be sampled is refused now, not when training starts.
  if (!train.empty()) make_sampler(training, options.order, 0, std::max<std::int64_t>(1, options.global_batch_size));
  return {std::move(training), Dataset(std::move(validation_ranges), options.seq_length)};
}

Sampler make_sampler(const Dataset& train, Order order, std::uint64_t seed, std::int64_t global_batch_size) {
  std::vector<double> weights;
  for (const TokenRange& source : train.sources()) weights.push_back(source.weight);
  return Sampler(order, seed, global_batch_size, train.windows(), std::move(weights));
}

CorpusSummary prepare_corpus(const DataOptions& options, const Tokenizer& tokenizer, const fs::path& cache_dir,
                             const ProgressCallback& progress) {
  require_valid_options(options);
  std::error_code failed;
  fs::create_directories(cache_dir, failed);
  if (failed) throw data_error("{}: the cache folder cannot be made: {}", cache_dir.string(), failed.message());
  FileIndex index(cache_dir);
  CorpusSummary summary;
  const BuiltSources train = build_caches("data.train", options.train, options, tokenizer, cache_dir, index, progress, summary.warnings);
  const BuiltSources validation =
      build_caches("data.validation", options.validation, options, tokenizer, cache_dir, index, progress, summary.warnings);
  index.save();
  make_datasets(options, train.caches, validation.caches);  // for its errors

  for (const DataSource& source : options.validation)
    if (source.weight != 1.0)
      summary.warnings.push_back(
          fmt::format("data.validation: weight({}) of {} is not used: validation text counts once", source.weight, source.path));
  if (!options.validation.empty() && options.validation_split > 0.0)
    summary.warnings.push_back(
        fmt::format("data.validation_split({}) is not used: data.validation names the text", options.validation_split));
  summarize(options.train, train, summary.train, summary.warnings);
  summarize(options.validation, validation, summary.validation, summary.warnings);
  for (std::size_t v = 0; v < validation.caches.size(); ++v)
    for (std::size_t t = 0; t < train.caches.size(); ++t) {
      const std::string &held_out = options.validation[v].path, &seen = options.train[t].path;
      const Overlap overlap = find_overlap(*validation.caches[v], *train.caches[t], tokenizer.eos_id(), held_out, progress);
      for (std::string& warning : describe_overlap(overlap, held_out, *validation.caches[v], seen, *train.caches[t], tokenizer))
        summary.warnings.push_back(std::move(warning));
    }

  const fs::path note = corpus_note_path(options, tokenizer, cache_dir);
  const std::string content =
      CorpusFingerprint{keys_of(options.train, train.caches), keys_of(options.validation, validation.caches)}.to_json();
  const WaitingLock lock(note.string() + ".lock", {});
  if (!fs::exists(note) || read_file(note) != content) write_file_atomically(note, content);
  return summary;
}

void for_each_text_chunk(const DataOptions& options, const std::function<void(std::string_view, bool)>& sink,
                         const ProgressCallback& progress) {
  for (const DataSource& source : options.train) {
    const std::vector<SourceFile> files = find_source_files(source.path);
    std::uint64_t total = 0, before = 0, said = 0, text = 0;
    for (const SourceFile& file : files) total += file.size;
    for (const SourceFile& file : files) {
      DocumentReader reader(file, read_options(options));
      for (TextPiece piece; reader.next(piece);) {
        sink(piece.text, piece.ends_document);
        const std::uint64_t done = before + reader.consumed();
        text += piece.text.size();
        // What a megabyte holds depends on how well it is compressed and on what is beside the text.
        if (!progress || std::max(done - said, text) < kSayEvery) continue;
        progress({"reading", source.path, said = done, total});
        text = 0;
      }
      before += file.size;
    }
  }
}

}  // namespace sluice::data
