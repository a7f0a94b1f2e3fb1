// Byte-level BPE as tokenizer.json describes it: added tokens, normalization, splitter, merges.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "data/bpe_added_tokens.hpp"
#include "data/bpe_model.hpp"
#include "data/bpe_piece_cache.hpp"
#include "data/splitter.hpp"
#include "data/tokenizer.hpp"
#include "data/tokenizer_json.hpp"

namespace sluice::data {

class BpeTokenizer : public Tokenizer {
 public:
  /// `json` is the content of the tokenizer.json that `spec` was read from. The end-of-text token is `eos_token` if given; else the first
  /// of the usual names that is a special token; else the only special token. Data error, naming `origin`, if there is none of these, or
  /// if a byte has no token.
  BpeTokenizer(TokenizerSpec spec, std::string json, const std::string& origin, std::string_view eos_token);

  /// Special tokens are recognised only if `parse_special` is true, other added tokens always, as in Hugging Face.
  /// With NFC the ids are those of the normalized text. Every byte of UTF-8 text has an id, so this never fails.
  void encode(std::string_view text, std::vector<std::int32_t>& ids, bool parse_special = false) const override;
  /// An id that no token has gives no bytes: models pad their vocabularies.
  std::string decode(std::span<const std::int32_t> ids) const override;
  /// 0 for special tokens and for ids that no token has. Over encode's ids the sum is the length of the (normalized)
  /// text, less the special tokens and the white space that added tokens with lstrip or rstrip swallow.
  std::int64_t bytes_of(std::int32_t id) const override;
  /// The largest id + 1.
  std::int64_t vocab_size() const override { return static_cast<std::int64_t>(bytes_.size()); }
  std::int32_t eos_id() const override { return eos_id_; }
  const std::string& json() const override { return json_; }
  const std::string& eos_token() const override { return eos_token_; }

 private:
  void encode_normalized(std::string_view text, bool parse_special, BpeScratch& scratch, std::vector<std::int32_t>& ids) const;
  void encode_text(std::string_view text, BpeScratch& scratch, std::vector<std::int32_t>& ids) const;

  std::string json_;
  bool nfc_;
  PieceEnd piece_end_;
  std::vector<std::string> bytes_;  // of every id
  std::vector<bool> special_;
  BpeModel model_;
  AddedTokenMatcher raw_tokens_, normalized_tokens_;
  mutable PieceCache cache_;
  std::string eos_token_;
  std::int32_t eos_id_ = 0;
};

}  // namespace sluice::data
