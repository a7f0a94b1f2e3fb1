// Where tokenizers come from: a tokenizer.json, its text, or the bytes themselves. (Trained ones: data/bpe_trainer.hpp.)
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "data/tokenizer.hpp"

namespace sluice::data {

/// The tokenizer of a Hugging Face tokenizer.json (or of the folder that holds one); data/tokenizer_json.hpp says which
/// are supported. Data error (exit 3) if the file cannot be read, is damaged or not supported.
/// `eos_token`: the end-of-text token. If it is empty, a tokenizer_config.json beside the tokenizer.json names the token, as in Hugging
/// Face; data error if the tokenizer has no such special token. Without such a file, BpeTokenizer chooses it (data/bpe_tokenizer.hpp).
TokenizerPtr load_tokenizer(const std::filesystem::path& path, std::string_view eos_token = {});

/// The tokenizer of a tokenizer.json with the content `json`; errors call it `origin`. If `eos_token` is empty, BpeTokenizer chooses.
TokenizerPtr tokenizer_from_json(std::string json, const std::string& origin, std::string_view eos_token = {});

/// One token per byte, id = byte, and <|endoftext|> = 256.
TokenizerPtr make_bytes_tokenizer();

}  // namespace sluice::data
