#include "data/bpe_added_tokens.hpp"

#include <utility>

#include "data/unicode.hpp"

namespace sluice::data {

namespace {

std::uint64_t edge(std::uint64_t node, char byte) { return node << 8 | static_cast<unsigned char>(byte); }

bool is_space_at(std::string_view text, std::size_t at) {
  return (unicode_classes()[code_point_at(text.data() + at, text.data() + text.size()).value] & kSpace) != 0;
}

}  // namespace

AddedTokenMatcher::AddedTokenMatcher(std::vector<AddedToken> tokens, const std::vector<std::string>& patterns)
    : tokens_(std::move(tokens)) {
  for (std::size_t i = 0; i < tokens_.size(); ++i) {
    any_plain_ = any_plain_ || !tokens_[i].special;
    begins_[static_cast<unsigned char>(patterns[i].front())] = true;
    std::uint64_t node = 0;
    for (const char byte : patterns[i]) {
      const auto [found, made] = next_.try_emplace(edge(node, byte), static_cast<std::uint32_t>(ends_.size()));
      if (made) ends_.push_back(0);
      node = found->second;
    }
    ends_[node] = static_cast<std::uint32_t>(i + 1);
  }
}

AddedTokenMatcher::Match AddedTokenMatcher::match_at(std::string_view text, std::size_t at) const {
  Match longest;
  if (!begins_[static_cast<unsigned char>(text[at])]) return longest;
  std::uint64_t node = 0;
  for (std::size_t i = at; i < text.size(); ++i) {
    const auto found = next_.find(edge(node, text[i]));
    if (found == next_.end()) break;
    node = found->second;
    if (ends_[node]) longest = {i + 1 - at, ends_[node] - 1};
  }
  return longest;
}

std::size_t AddedTokenMatcher::white_space_before(std::string_view text, std::size_t at) {
  while (at > 0) {
    std::size_t previous = at - 1;
    while (previous > 0 && (static_cast<unsigned char>(text[previous]) & 0xC0) == 0x80) --previous;
    if (!is_space_at(text, previous)) break;
    at = previous;
  }
  return at;
}

std::size_t AddedTokenMatcher::white_space_behind(std::string_view text, std::size_t at) {
  while (at < text.size() && is_space_at(text, at)) at += code_point_at(text.data() + at, text.data() + text.size()).size;
  return at;
}

}  // namespace sluice::data
