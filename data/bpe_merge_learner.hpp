// Learns byte-pair merges from counted words: again and again the most frequent adjacent pair becomes a token.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "data/bpe_model.hpp"
#include "data/progress.hpp"

namespace sluice::data {

struct LearnedMerges {
  std::vector<std::string> tokens;  // the bytes of every id; the given tokens come first
  std::vector<BpeMerge> merges;     // in order of rank: the first is merged first; every pair occurs once
};

/// `words` are the different words and how often each occurs. `tokens` are the tokens that exist already; byte_ids[b] is the id of byte b.
/// Stops at `vocab_size` ids, or when no pair occurs at least max(1, min_frequency) times.
/// The merges are exactly those of Hugging Face's BpeTrainer (tokenizers 0.23), except that counts have 64 bits here and 32 bits there:
///   - of equally frequent pairs, the one with the smallest (left id, right id) is merged first;
///   - in a pair that overlaps itself ("aaa" holds "aa" twice) both occurrences count at first;
///   - a merged pair keeps its count. If later merges make the pair occur again, the new occurrences are added to that count, and the pair
///     may be merged a second time; only its last rank is kept.
LearnedMerges learn_merges(const std::vector<std::pair<std::string_view, std::uint64_t>>& words, std::vector<std::string> tokens,
                           const std::array<std::int32_t, 256>& byte_ids, std::int64_t vocab_size, std::int64_t min_frequency,
                           const ProgressCallback& progress);

}  // namespace sluice::data
