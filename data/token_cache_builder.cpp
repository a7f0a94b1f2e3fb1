#include "data/token_cache_builder.hpp"

#include "core/base/counted.hpp"
#include "core/base/error.hpp"
#include "core/base/log.hpp"
#include "data/hash128.hpp"
#include "data/ordered_workers.hpp"
#include "data/utf8.hpp"
#include "data/waiting_lock.hpp"

#include <cstring>
#include <utility>

namespace sluice::data {
namespace {

constexpr std::uint64_t kKeyVersion = 1;
constexpr std::size_t kJobBytes = std::size_t{1} << 20;

struct Tokenized {
  std::string tokens;  // in the stored width
  std::uint64_t count = 0;
  std::uint64_t bytes = 0;
  std::uint64_t words = 0;
  std::vector<std::uint64_t> document_hashes;
};

Tokenized tokenize(const std::vector<TextPiece>& pieces, const Tokenizer& tokenizer) {
  Tokenized result;
  std::vector<std::int32_t> ids;
  const std::int64_t vocab_size = tokenizer.vocab_size();
  for (const TextPiece& piece : pieces) {
    tokenizer.encode(piece.text, ids);
    // Pieces are cut after a character that is not white space: a later piece starts inside a word, or with white space.
    result.words += count_words(piece.text, !piece.begins_document);
    result.bytes += piece.text.size();
    if (!piece.ends_document) continue;
    ids.push_back(tokenizer.eos_id());
    result.document_hashes.push_back(piece.document_hash);
  }
  result.count = ids.size();
  const std::uint32_t width = token_bytes_for(vocab_size);
  result.tokens.resize(ids.size() * width);
  char* out = result.tokens.data();
  for (const std::int32_t id : ids) {
    if (id < 0 || id >= vocab_size)
      throw data_error("the tokenizer gave id {}, expected 0 to {}: its vocabulary is inconsistent", id, vocab_size - 1);
    if (width == 2) {
      const auto narrow = static_cast<std::uint16_t>(id);
      std::memcpy(out, &narrow, 2);
    } else {
      std::memcpy(out, &id, 4);
    }
    out += width;
  }
  return result;
}

class Builder {
 public:
  Builder(const SourceText& source, const Tokenizer& tokenizer, TokenCacheWriter& writer, int threads, const ProgressCallback& progress)
      : source_(source), tokenizer_(tokenizer), writer_(writer), progress_(progress), workers_(threads) {
    for (const SourceFile& file : source.files) total_ += file.size;
  }

  void run() {
    for (std::size_t i = 0; i < source_.files.size(); ++i) read_file(i);
    submit();
    while (workers_.size() > 0) store();
    if (statistics_.documents == 0)
      throw data_error("{}: holds no text ({}, {} bytes)", source_.name, counted(source_.files.size(), "file"), total_);
    if (source_.require_unchanged) source_.require_unchanged();
    statistics_.files = source_.files.size();
    writer_.commit(statistics_, document_hashes_);
  }

 private:
  void read_file(std::size_t index) {
    DocumentReader reader(source_.files[index], source_.options);
    for (TextPiece piece; reader.next(piece);) {
      job_bytes_ += piece.text.size();
      job_.push_back(std::move(piece));
      done_ = before_ + reader.consumed();
      if (job_bytes_ >= kJobBytes) submit();
      else if (done_ >= said_ + kJobBytes) say();  // JSONL may hold much beside its text
    }
    before_ += source_.files[index].size;
    statistics_.notes.add(index, reader);
    statistics_.invalid_utf8 += reader.utf8().faults();
    for (const Utf8Fault& fault : reader.utf8().located())
      if (statistics_.located.size() < Utf8Repairer::kLocated)
        statistics_.located.push_back({index, fault.offset, describe_bytes(fault.bytes)});
  }

  void submit() {
    if (job_.empty()) return;
    while (workers_.full()) store();
    workers_.push([pieces = std::exchange(job_, {}), this] { return tokenize(pieces, tokenizer_); });
    job_bytes_ = 0;
    say();
  }

  void say() {
    said_ = done_;
    if (progress_) progress_({"tokenizing", source_.name, done_, total_});
  }

  void store() {
    const Tokenized part = workers_.pop();
    say();
    writer_.append(part.tokens);
    statistics_.tokens += part.count;
    statistics_.bytes += part.bytes;
    statistics_.words += part.words;
    statistics_.documents += part.document_hashes.size();
    document_hashes_.insert(document_hashes_.end(), part.document_hashes.begin(), part.document_hashes.end());
  }

  const SourceText& source_;
  const Tokenizer& tokenizer_;
  TokenCacheWriter& writer_;
  const ProgressCallback& progress_;
  std::uint64_t before_ = 0;  // bytes of the files that are done
  std::uint64_t done_ = 0;    // bytes that are read
  std::uint64_t said_ = 0;    // bytes when progress was last told
  std::uint64_t total_ = 0;
  std::vector<TextPiece> job_;
  std::size_t job_bytes_ = 0;
  SourceStatistics statistics_;
  std::vector<std::uint64_t> document_hashes_;
  OrderedWorkers<Tokenized> workers_;  // last: its threads end before what they use goes
};

}  // namespace

std::string token_cache_key(const SourceText& source, const Tokenizer& tokenizer) {
  Hash128 hash;
  hash.field(kKeyVersion);
  hash.field(tokenizer.json());
  hash.field(static_cast<std::uint64_t>(tokenizer.eos_id()));
  hash.field(static_cast<std::uint64_t>(tokenizer.vocab_size()));
  // kError gives the same tokens as kReplace, or none, so it is no part of the key.
  for (std::size_t i = 0; i < source.files.size(); ++i) {
    const SourceFile& file = source.files[i];
    hash.field(static_cast<std::uint64_t>(file.format));
    hash.field(static_cast<std::uint64_t>(file.compression));
    if (file.format == TextFormat::kJsonl) hash.field(source.options.text_key);
    hash.field(source.hashes[i]);
    // Once the mark was read as text. Files without one keep their keys, and with them their caches and the runs that go on with them.
    if (file.format == TextFormat::kText && begins_with_mark(file)) hash.field("mark left out");
  }
  return hash.hex();
}

std::filesystem::path token_cache_path(const std::filesystem::path& cache_dir, const std::string& key) {
  return cache_dir / ("tokens-" + key + ".bin");
}

TokenCachePtr build_token_cache(const SourceText& source, const Tokenizer& tokenizer, const std::filesystem::path& cache_dir, int threads,
                                const ProgressCallback& progress) {
  const std::string key = token_cache_key(source, tokenizer);
  const std::filesystem::path path = token_cache_path(cache_dir, key);
  const WaitingLock lock(path.string() + ".lock", [&] {
    if (progress) progress({"waiting for another process", source.name, 0, 0});
  });
  std::shared_ptr<const TokenCache> cache;
  if (std::filesystem::exists(path)) {
    try {
      cache = std::make_shared<TokenCache>(path, key);
      cache->verify(source.name, progress);
    } catch (const Error& error) {
      log_warning("{}; building it again", error.what());
      cache = nullptr;
    }
  }
  if (cache) {
    const auto& faults = cache->statistics().located;
    if (source.options.invalid_utf8 == InvalidUtf8::kError && !faults.empty())
      throw invalid_utf8_error(source.files.at(faults[0].file).path.string(), faults[0].offset, faults[0].bytes);
    return cache;
  }
  if (lock.held()) remove_unfinished_caches(path);
  TokenCacheWriter writer(path, key, token_bytes_for(tokenizer.vocab_size()));
  Builder(source, tokenizer, writer, threads, progress).run();
  return std::make_shared<TokenCache>(path, key);
}

}  // namespace sluice::data
