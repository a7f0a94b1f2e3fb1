#include "data/splitter.hpp"

#include <utility>

#include "data/unicode.hpp"

namespace sluice::data {

namespace {

constexpr std::pair<std::string_view, Splitter> kPatterns[] = {
    {R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)", Splitter::kGpt2},
    {R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)",
     Splitter::kLlama3},
    {R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)", Splitter::kQwen2},
    {R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)",
     Splitter::kQwen35},
};

/// A position in the text and the class bits of the character there.
class Cursor {
 public:
  Cursor(const char* p, const char* end) : classes_(unicode_classes()), p_(p), end_(end) { look(); }

  const char* position() const { return p_; }
  bool at_end() const { return p_ == end_; }
  char32_t value() const { return value_; }
  bool is(int bits) const { return (bits_ & bits) != 0; }
  void advance() {
    p_ += size_;
    look();
  }

 private:
  void look() {
    if (p_ == end_) {
      bits_ = 0;
      value_ = 0;
      return;
    }
    const CodePoint c = code_point_at(p_, end_);
    value_ = c.value;
    size_ = c.size;
    bits_ = classes_[c.value];
  }

  const std::uint8_t* classes_;
  const char* p_;
  const char* end_;
  char32_t value_ = 0;
  std::uint32_t size_ = 0;
  int bits_ = 0;
};

/// The end of 's 't 're 've 'm 'll 'd at `p`, or p. Folding is Oniguruma's: U+017F is an s.
template <bool kFold>
const char* contraction_end(const char* p, const char* end) {
  if (*p != '\'' || end - p < 2) return p;
  const auto lower = [](char c) { return kFold && c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  const char first = lower(p[1]);
  if (first == 's' || first == 't' || first == 'm' || first == 'd') return p + 2;
  if (end - p < 3) return p;
  const char second = lower(p[2]);
  if ((first == 'r' && second == 'e') || (first == 'v' && second == 'e') || (first == 'l' && second == 'l')) return p + 3;
  if (kFold && p[1] == '\xC5' && p[2] == '\xBF') return p + 3;
  return p;
}

/// `\s+(?!\S)|\s+` on the run of white space from begin: all of it at the end of the text, else all but its last
/// character (which goes with what follows), but at least one. kStop ends the text.
template <int kStop>
const char* space_end(Cursor at) {
  const char* last = at.position();
  bool several = false;
  const char* const begin = last;
  while (at.is(kSpace)) {
    last = at.position();
    several = last != begin;
    at.advance();
  }
  if (at.at_end() || (kStop != 0 && at.is(kStop))) return at.position();
  return several ? last : at.position();
}

/// kStop: class bits of characters that stand alone and end the text for all others; 0 for none.
template <int kStop>
const char* gpt2_end(const char* begin, const char* end) {
  if (const char* after = contraction_end<false>(begin, end); after != begin) return after;
  Cursor at(begin, end);
  if (kStop != 0 && at.is(kStop)) {
    at.advance();
    return at.position();
  }
  Cursor word = at;
  if (at.value() == ' ') word.advance();
  constexpr int kNotOther = kLetter | kNumber | kSpace | kStop;
  if (!word.at_end() && !word.is(kSpace | kStop)) {
    if (word.is(kLetter))
      while (word.is(kLetter)) word.advance();
    else if (word.is(kNumber))
      while (word.is(kNumber)) word.advance();
    else
      while (!word.at_end() && !word.is(kNotOther)) word.advance();
    return word.position();
  }
  return space_end<kStop>(at);
}

bool is_newline(const Cursor& at) { return at.value() == '\n' || at.value() == '\r'; }

/// kWord: class bits of what words are made of. kDigits: how many numbers go together.
template <int kWord, int kDigits>
const char* llama3_end(const char* begin, const char* end) {
  if (const char* after = contraction_end<true>(begin, end); after != begin) return after;
  const Cursor first(begin, end);
  Cursor word = first;
  // [^\r\n\p{L}\p{N}]?[word]+: the optional character may itself be of the word (a mark), which changes nothing.
  if (!first.is(kLetter | kNumber) && !is_newline(first)) word.advance();
  if (word.is(kWord) || first.is(kWord)) {
    while (word.is(kWord)) word.advance();
    return word.position();
  }
  if (first.is(kNumber)) {
    word = first;
    for (int i = 0; i < kDigits && word.is(kNumber); ++i) word.advance();
    return word.position();
  }
  constexpr int kNotOther = kWord | kNumber | kSpace;
  Cursor other = first;
  if (first.value() == ' ') other.advance();
  if (!other.at_end() && !other.is(kNotOther)) {
    while (!other.at_end() && !other.is(kNotOther)) other.advance();
    while (!other.at_end() && is_newline(other)) other.advance();
    return other.position();
  }
  // \s*[\r\n]+: up to the last newline of the run of white space.
  const char* newline_end = nullptr;
  for (Cursor space = first; space.is(kSpace);) {
    const bool newline = is_newline(space);
    space.advance();
    if (newline) newline_end = space.position();
  }
  return newline_end ? newline_end : space_end<0>(first);
}

}  // namespace

std::optional<Splitter> splitter_of_pattern(std::string_view pattern) {
  for (const auto& [known, splitter] : kPatterns)
    if (known == pattern) return splitter;
  return std::nullopt;
}

PieceEnd piece_end_of(Splitter splitter) {
  switch (splitter) {
    case Splitter::kGpt2: return gpt2_end<0>;
    case Splitter::kLlama3: return llama3_end<kLetter, 3>;
    case Splitter::kQwen2: return llama3_end<kLetter, 1>;
    case Splitter::kQwen35: return llama3_end<kLetter | kMark, 1>;
    case Splitter::kDigitsGpt2: return gpt2_end<kNumeric>;
  }
  return gpt2_end<0>;
}

}  // namespace sluice::data
