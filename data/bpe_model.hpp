// Byte-pair encoding of one piece of text (Sennrich et al., 2016): start from its bytes, merge the adjacent pair of lowest
// rank, leftmost first, until none is left. Ids equal those of Hugging Face's BPE.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "data/bpe_pair_map.hpp"

namespace sluice::data {

/// The adjacent ids (left, right) become the id `result`.
struct BpeMerge {
  std::int32_t left, right, result;
};

/// Working memory of BpeModel::encode, kept by the caller so that pieces do not allocate.
struct BpeScratch {
  struct Candidate {
    std::uint32_t rank;
    std::size_t position;
  };
  std::vector<std::int32_t> symbols, results;
  std::vector<std::uint32_t> ranks;
  std::vector<std::size_t> before, after;
  std::vector<Candidate> heap;
};

class BpeModel {
 public:
  /// byte_ids[b] is the id of byte b. `merges` are in order of rank; of equal pairs the last counts. `whole` maps the bytes of pieces that
  /// are one token, whatever the merges say, to their ids: the whole vocabulary if tokenizer.json has ignore_merges, else nothing.
  BpeModel(const std::array<std::int32_t, 256>& byte_ids, const std::vector<BpeMerge>& merges,
           std::unordered_map<std::string, std::int32_t> whole);

  /// Appends the ids of one piece.
  void encode(std::string_view piece, BpeScratch& scratch, std::vector<std::int32_t>& ids) const;

  std::int32_t byte_id(char byte) const { return byte_ids_[static_cast<unsigned char>(byte)]; }
  /// True if every byte is its own token whatever stands beside it.
  bool is_bytewise() const { return bytewise_; }

 private:
  struct Rule {
    std::uint32_t rank;
    std::int32_t result;
  };

  void encode_short(std::string_view piece, BpeScratch& scratch, std::vector<std::int32_t>& ids) const;
  void encode_long(std::string_view piece, BpeScratch& scratch, std::vector<std::int32_t>& ids) const;

  std::array<std::int32_t, 256> byte_ids_;
  PairMap<Rule> rules_;
  std::unordered_map<std::string, std::int32_t> whole_;
  std::size_t longest_whole_ = 0;
  bool bytewise_ = false;
};

}  // namespace sluice::data
