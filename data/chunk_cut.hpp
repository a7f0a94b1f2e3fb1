// Where a long document may be cut so that the token ids of the pieces, one after the other, are the ids of the whole.
//
// Byte-level BPE never merges across pre-tokens, so a cut is safe when it falls on a pre-token boundary and changes no other
// boundary. last_safe_cut() has two rules, both checked against the GPT-2, Llama-3, Qwen2/3/3.5 and DeepSeek-V3 splitters:
//   1. between a character that is not white space (nor a control or format character) and an ASCII space;
//   2. only where rule 1 finds nothing: between an ASCII letter or digit, a CJK ideograph, a kana or a Hangul syllable, and a
//      newline or one of the CJK marks U+3001, U+3002, U+FF0C.
// Why rule 1 is safe: in every alternative of these expressions a space is either the first character of the match or part of a
// run of white space, so no match holds "x " with x not white space: there is a boundary. To the left, the only look-ahead,
// \s+(?!\S), asks about the character after a run of white space; such a run cannot end at the cut, since x is not white space, so
// the left piece splits as it does in the whole. To the right, no expression looks back. Rule 2 in the same way: after a letter
// only letters (or marks) follow inside a match, after a digit only digits. NFC does not reach across either: the
// character after the cut is a starter that composes with nothing before it.
#pragma once

#include <cstddef>
#include <string_view>

namespace sluice::data {

/// The last safe cut p with from < p < text.size() (text[p] starts the right piece), or 0 if there is none.
std::size_t last_safe_cut(std::string_view text, std::size_t from = 0);

/// The first position at or after `from` where Splitter::kGpt2 cuts whatever the text around it is: before white space that follows a
/// character that is none. text.size() if there is no such position. A text cut there in two has the same pieces as the whole.
std::size_t next_certain_cut(std::string_view text, std::size_t from);

}  // namespace sluice::data
