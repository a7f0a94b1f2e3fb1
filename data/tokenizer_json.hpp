// Reads, checks and writes a Hugging Face tokenizer.json. Supported: byte-level BPE with a splitter that Sluice has.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "data/bpe_model.hpp"
#include "data/splitter.hpp"

namespace sluice::data {

/// A token matched in the text before anything else (tokenizer.json's added_tokens).
struct AddedToken {
  std::string content;
  std::int32_t id = 0;
  bool lstrip = false;      // takes the white space before it along
  bool rstrip = false;      // takes the white space after it along
  bool normalized = false;  // matched in the normalized text, else in the text as it is given
  bool special = false;     // control token: matched on request only, stands for no text
};

struct TokenizerSpec {
  std::vector<std::string> tokens;  // tokenizer.json's text of every id; empty where no token has that id
  std::vector<BpeMerge> merges;     // in order of rank
  std::vector<AddedToken> added_tokens;
  Splitter splitter = Splitter::kGpt2;
  bool nfc = false;            // text is brought to normalization form C first
  bool ignore_merges = false;  // pieces in the vocabulary are taken whole
};

/// Reads `json`. Data error, naming `origin` and the key, if it is damaged or describes something else than supported:
/// model BPE over bytes; normalizer null or NFC; pre_tokenizer ByteLevel (GPT-2), Split with the expression of GPT-2,
/// Llama-3, Qwen2 or Qwen3.5 and ByteLevel, or Digits and ByteLevel (SmolLM2); decoder ByteLevel.
/// post_processor, truncation and padding are ignored: they add special tokens or shape batches, which Sluice does not do.
TokenizerSpec parse_tokenizer_json(const std::string& json, const std::string& origin);

/// The tokenizer.json of `spec`, as Hugging Face lays it out: every token in the vocabulary, merges as pairs. For the
/// GPT-2 splitter without normalizer and ignore_merges, which is what Sluice makes.
std::string write_tokenizer_json(const TokenizerSpec& spec);

}  // namespace sluice::data
