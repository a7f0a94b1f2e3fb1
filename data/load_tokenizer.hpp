// Where tokenizers come from: a tokenizer.json, its text, or the bytes themselves. (Trained ones: data/bpe_trainer.hpp.)
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "data/tokenizer.hpp"

namespace sluice::data {

/// The tokenizer of a Hugging Face tokenizer.json (or of the folder that holds one); data/tokenizer_json.hpp says which
/// are supported. Data error (exit 3) if the file cannot be read, is damaged or not supported.
/// `eos_token`: the end-of-text token. Without it, the one that a tokenizer_config.json beside the tokenizer.json names, as Hugging
/// Face has it; data error if the tokenizer has no such special token. Without either, as BpeTokenizer tells it.
TokenizerPtr load_tokenizer(const std::filesystem::path& path, std::string_view eos_token = {});

/// The same from the file's content; `origin` is what errors call it.
TokenizerPtr tokenizer_from_json(std::string json, const std::string& origin, std::string_view eos_token = {});

/// One token per byte, id = byte, and <|endoftext|> = 256.
TokenizerPtr make_bytes_tokenizer();

}  // namespace sluice::data
