// The GPT-2, Llama-3 and Qwen-2 splitters by hand, for the characters the tests use. Expressions (behaviour "isolated"):
//   GPT-2    's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
//   Llama-3  (?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+
//   Qwen-2   Llama-3 with \p{N} for \p{N}{1,3}
#pragma once

#include "data/utf8.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::data {

enum class Splitter { kGpt2, kLlama3, kQwen2 };

/// A character, as its bytes.
using Character = std::string_view;

inline std::vector<Character> characters(std::string_view text) {
  std::vector<Character> result;
  for (std::size_t at = 0; at < text.size();) {
    const auto lead = static_cast<unsigned char>(text[at]);
    const std::size_t length = lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
    result.push_back(text.substr(at, length));
    at += length;
  }
  return result;
}

inline bool is_one_of(Character c, std::initializer_list<std::string_view> list) {
  for (const std::string_view item : list)
    if (c == item) return true;
  return false;
}
inline bool is_letter(Character c) {
  return (c.size() == 1 && ((c[0] >= 'a' && c[0] <= 'z') || (c[0] >= 'A' && c[0] <= 'Z'))) ||
         is_one_of(c, {"\u00E9", "\u4E2D", "\u6587", "\u306E", "\uD55C", "\u0416", "\u0443", "\u043A", "\u017F"});
}
inline bool is_number(Character c) { return (c.size() == 1 && c[0] >= '0' && c[0] <= '9') || is_one_of(c, {"\u0663", "\u00B2"}); }
inline bool is_newline(Character c) { return c == "\n" || c == "\r"; }
inline bool is_space(Character c) { return c == " " || c == "\t" || is_newline(c) || is_one_of(c, {"\u00A0", "\u3000", "\u2009"}); }
inline bool is_other(Character c) { return !is_letter(c) && !is_number(c) && !is_space(c); }

inline std::size_t next_pre_token(const std::vector<Character>& c, std::size_t i, Splitter splitter) {
  const std::size_t n = c.size();
  const bool gpt2 = splitter == Splitter::kGpt2;
  const auto run = [&](std::size_t from, auto test, std::size_t most) {
    std::size_t to = from;
    while (to < n && to - from < most && test(c[to])) ++to;
    return to;
  };
  constexpr std::size_t kAll = SIZE_MAX;
  if (c[i] == "'" && i + 1 < n) {
    const auto lower = [&](std::size_t at) {
      if (at >= n || c[at].size() != 1) return '\0';
      return !gpt2 && c[at][0] >= 'A' && c[at][0] <= 'Z' ? static_cast<char>(c[at][0] + 32) : c[at][0];
    };
    const char first = lower(i + 1), second = lower(i + 2);
    if (first == 's' || first == 't' || first == 'm' || first == 'd') return i + 2;
    if (!gpt2 && c[i + 1] == "\u017F") return i + 2;  // the long s folds to s
    if ((first == 'r' && second == 'e') || (first == 'v' && second == 'e') || (first == 'l' && second == 'l')) return i + 3;
  }
  const std::size_t after_space = c[i] == " " ? i + 1 : i;
  if (gpt2) {
    if (after_space < n && is_letter(c[after_space])) return run(after_space, is_letter, kAll);
    if (after_space < n && is_number(c[after_space])) return run(after_space, is_number, kAll);
    if (after_space < n && is_other(c[after_space])) return run(after_space, is_other, kAll);
  } else {
    if (is_letter(c[i])) return run(i, is_letter, kAll);
    if (!is_newline(c[i]) && !is_number(c[i]) && i + 1 < n && is_letter(c[i + 1])) return run(i + 1, is_letter, kAll);
    if (is_number(c[i])) return run(i, is_number, splitter == Splitter::kLlama3 ? 3 : 1);
    if (after_space < n && is_other(c[after_space])) return run(run(after_space, is_other, kAll), is_newline, kAll);
  }
  const std::size_t end = run(i, is_space, kAll);
  if (!gpt2)
    for (std::size_t at = end; at > i; --at)
      if (is_newline(c[at - 1])) return at;
  return end < n && end - i > 1 ? end - 1 : end;
}

inline std::vector<std::string> split(std::string_view text, Splitter splitter) {
  const std::vector<Character> c = characters(text);
  std::vector<std::string> parts;
  for (std::size_t i = 0; i < c.size();) {
    const std::size_t end = next_pre_token(c, i, splitter);
    parts.emplace_back();
    for (; i < end; ++i) parts.back() += c[i];
  }
  return parts;
}

}  // namespace sluice::data
