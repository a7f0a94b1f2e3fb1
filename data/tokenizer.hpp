// Text <-> token ids. A tokenizer is immutable and safe to use from several threads at once.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::data {

class Tokenizer {
 public:
  virtual ~Tokenizer() = default;
  /// Appends the ids of `text` (valid UTF-8; no end-of-text token is added). Special tokens written in the text are
  /// recognised as tokenizer.json's added_tokens say when `parse_special` is true, else treated as plain text.
  virtual void encode(std::string_view text, std::vector<std::int32_t>& ids, bool parse_special = false) const = 0;
  /// The bytes of the ids (special tokens as their text); may end inside a UTF-8 character.
  virtual std::string decode(std::span<const std::int32_t> ids) const = 0;
  /// Bytes that id stands for in the text; 0 for special tokens (so that bits per byte counts text only).
  virtual std::int64_t bytes_of(std::int32_t id) const = 0;
  virtual std::int64_t vocab_size() const = 0;
  virtual std::int32_t eos_id() const = 0;
  /// The exact Hugging Face tokenizer.json of this tokenizer.
  virtual const std::string& json() const = 0;
  /// The end-of-text token as text, e.g. "<|endoftext|>".
  virtual const std::string& eos_token() const = 0;
};

using TokenizerPtr = std::shared_ptr<const Tokenizer>;

}  // namespace sluice::data
