// Finds added tokens (tokenizer.json's added_tokens) in text: the leftmost, of those the longest, without overlap, as
// Hugging Face's Aho-Corasick search does.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "data/tokenizer_json.hpp"

namespace sluice::data {

class AddedTokenMatcher {
 public:
  /// Finds `patterns[i]` for `tokens[i]` (the content, or its normalized form).
  AddedTokenMatcher(std::vector<AddedToken> tokens, const std::vector<std::string>& patterns);

  /// True if nothing can be found: no tokens, or special ones only and those are not asked for.
  bool idle(bool parse_special) const { return parse_special ? tokens_.empty() : !any_plain_; }

  /// Calls on_text(std::string_view) and on_token(id) for the parts of `text` in order. Where special tokens are not
  /// asked for they count as text, yet what they cover is not searched again.
  template <class OnText, class OnToken>
  void split(std::string_view text, bool parse_special, OnText on_text, OnToken on_token) const {
    std::size_t done = 0;
    for (std::size_t at = 0; at < text.size();) {
      const Match match = match_at(text, at);
      if (match.length == 0) {
        ++at;
        continue;
      }
      const AddedToken& token = tokens_[match.token];
      std::size_t begin = at, end = at + match.length;
      at = end;
      if (token.special && !parse_special) continue;
      if (token.lstrip) begin = std::max(done, white_space_before(text, begin));
      if (token.rstrip) end = white_space_behind(text, end);
      if (done < begin) on_text(text.substr(done, begin - done));
      on_token(token.id);
      done = end;
    }
    if (done < text.size()) on_text(text.substr(done));
  }

 private:
  struct Match {
    std::size_t length = 0;  // 0: none
    std::size_t token = 0;
  };

  Match match_at(std::string_view text, std::size_t at) const;
  static std::size_t white_space_before(std::string_view text, std::size_t at);
  static std::size_t white_space_behind(std::string_view text, std::size_t at);

  std::vector<AddedToken> tokens_;
  bool any_plain_ = false;
  std::array<bool, 256> begins_{};
  // A trie: node << 8 | byte -> next node; ends_[node] is 1 + the token that ends there, or 0.
  std::unordered_map<std::uint64_t, std::uint32_t> next_;
  std::vector<std::uint32_t> ends_{0};
};

}  // namespace sluice::data
