// Cuts text into the pieces that byte-level BPE works on, as the regular expressions of tokenizer.json do
// ("pre-tokenizers"), hand-written: no regular expression runs.
#pragma once

#include <optional>
#include <string_view>

namespace sluice::data {

enum class Splitter {
  kGpt2,        // 's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
  kLlama3,      // (?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+
  kQwen2,       // as Llama-3, with \p{N} for \p{N}{1,3}
  kQwen35,      // as Qwen2, with [\p{L}\p{M}]+ for \p{L}+ and [^\s\p{L}\p{M}\p{N}] for [^\s\p{L}\p{N}]
  kDigitsGpt2,  // every numeric character alone, then GPT-2 between them (SmolLM2)
};

/// The splitter whose regular expression is exactly `pattern`, if there is one.
std::optional<Splitter> splitter_of_pattern(std::string_view pattern);

/// Returns the end of the first piece of the text [begin, end), where begin < end. A piece has at least one byte.
using PieceEnd = const char* (*)(const char* begin, const char* end);
PieceEnd piece_end_of(Splitter splitter);

}  // namespace sluice::data
