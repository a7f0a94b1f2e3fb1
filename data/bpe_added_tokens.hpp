// Finds the added tokens of a tokenizer.json (its added_tokens) in text. Matches do not overlap: the leftmost wins, and of those that
// start at the same byte the longest, as in Hugging Face's Aho-Corasick search.
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
  /// `patterns[i]` is the text that stands for `tokens[i]`: the token's content, or the normalized form of it.
  AddedTokenMatcher(std::vector<AddedToken> tokens, const std::vector<std::string>& patterns);

  /// True if split() can find nothing: there are no tokens, or all of them are special and `parse_special` is false.
  bool idle(bool parse_special) const { return parse_special ? tokens_.empty() : !any_plain_; }

  /// Cuts `text` into parts and calls on_text(std::string_view) or on_token(id) for each of them, in order. A token with lstrip takes
  /// the white space before it along, one with rstrip that after it. With `parse_special` false a special token is part of the text, but
  /// no other token is looked for inside it.
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
