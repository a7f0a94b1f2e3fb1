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
  std::vector<std::string> tokens;  // bytes of every id, the given ones first
  std::vector<BpeMerge> merges;     // in order of rank, every pair once
};

/// Gives exactly the merges of Hugging Face's BpeTrainer (tokenizers 0.23): of equally frequent pairs that of the smallest
/// (left id, right id) first; pairs that overlap themselves ("aaa") count twice at first; a pair that a later merge brings
/// back counts on from where it stood, and its last rank holds. Counts have 64 bits here, 32 there. Stops at `vocab_size`
/// ids, or when no pair occurs at least max(1, min_frequency) times.
/// `tokens` are the ids that exist already, with byte_ids[b] that of byte b.
LearnedMerges learn_merges(const std::vector<std::pair<std::string_view, std::uint64_t>>& words, std::vector<std::string> tokens,
                           const std::array<std::int32_t, 256>& byte_ids, std::int64_t vocab_size, std::int64_t min_frequency,
                           const ProgressCallback& progress = {});

}  // namespace sluice::data
