#include "data/bpe_trainer.hpp"

#include <array>

#include "core/base/error.hpp"
#include "data/bpe_merge_learner.hpp"
#include "data/bpe_word_counts.hpp"
#include "data/byte_level.hpp"
#include "data/load_tokenizer.hpp"
#include "data/tokenizer_json.hpp"

namespace sluice::data {

namespace {

constexpr std::size_t kPendingText = std::size_t{8} << 20;  // gathered before the threads are started
constexpr const char* kEndOfText = "<|endoftext|>";

}  // namespace

BpeTrainer::BpeTrainer(const BpeTrainerOptions& options) : options_(options) {
  if (options.vocab_size < 257)
    throw usage_error("tokenizer.vocab_size is {}; a byte-level BPE needs at least 257 (256 bytes and {})", options.vocab_size, kEndOfText);
  if (options.vocab_size > std::int64_t{1} << 24)
    throw usage_error("tokenizer.vocab_size is {}; at most {} is supported", options.vocab_size, 1 << 24);
  if (options.threads < 1) throw usage_error("BpeTrainer: threads is {}; expected at least 1", options.threads);
  counts_.resize(static_cast<std::size_t>(options.threads));
}

BpeTrainer::~BpeTrainer() = default;

void BpeTrainer::add(std::string_view text) {
  if (text.size() >= kPendingText) return count_words({text}, counts_);
  pending_ += text;
  pending_ends_.push_back(pending_.size());
  if (pending_.size() >= kPendingText) count_pending();
}

void BpeTrainer::count_pending() {
  std::vector<std::string_view> documents;
  std::size_t begin = 0;
  for (const std::size_t end : pending_ends_) {
    documents.push_back(std::string_view(pending_).substr(begin, end - begin));
    begin = end;
  }
  count_words(documents, counts_);
  pending_.clear();
  pending_ends_.clear();
}

TokenizerPtr BpeTrainer::finish(const ProgressCallback& progress) {
  count_pending();
  for (std::size_t t = 1; t < counts_.size(); ++t) {
    if (progress) progress({"adding up words", "", t, counts_.size(), "threads"});
    counts_[0].add(counts_[t]);
    counts_[t] = WordCounts();
  }
  std::vector<std::string> tokens{kEndOfText};
  std::array<std::int32_t, 256> byte_ids{};
  for (const std::uint8_t byte : byte_level_order()) {
    byte_ids[byte] = static_cast<std::int32_t>(tokens.size());
    tokens.emplace_back(1, static_cast<char>(byte));
  }
  auto learned = learn_merges(counts_[0].sorted(), std::move(tokens), byte_ids, options_.vocab_size, options_.min_frequency, progress);
  TokenizerSpec spec;
  spec.tokens = std::move(learned.tokens);
  for (std::size_t id = 1; id < spec.tokens.size(); ++id) spec.tokens[id] = to_byte_level(spec.tokens[id]);
  spec.merges = std::move(learned.merges);
  spec.added_tokens.push_back({.content = kEndOfText, .id = 0, .special = true});
  // Through its own file, so that what is used is what is saved.
  return tokenizer_from_json(write_tokenizer_json(spec), "trained tokenizer");
}

}  // namespace sluice::data
