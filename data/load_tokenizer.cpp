#include "data/load_tokenizer.hpp"

#include <utility>

#include "core/base/files.hpp"
#include "data/bpe_tokenizer.hpp"
#include "data/byte_level.hpp"

namespace sluice::data {

TokenizerPtr load_tokenizer(const std::filesystem::path& path, std::string_view eos_token) {
  const auto file = std::filesystem::is_directory(path) ? path / "tokenizer.json" : path;
  return tokenizer_from_json(read_file(file), file.string(), eos_token);
}

TokenizerPtr tokenizer_from_json(std::string json, const std::string& origin, std::string_view eos_token) {
  auto spec = parse_tokenizer_json(json, origin);
  return std::make_shared<const BpeTokenizer>(std::move(spec), std::move(json), origin, eos_token);
}

TokenizerPtr make_bytes_tokenizer() {
  TokenizerSpec spec;
  for (int byte = 0; byte < 256; ++byte) spec.tokens.push_back(to_byte_level(std::string(1, static_cast<char>(byte))));
  spec.tokens.push_back("<|endoftext|>");
  spec.added_tokens.push_back({.content = "<|endoftext|>", .id = 256, .special = true});
  return tokenizer_from_json(write_tokenizer_json(spec), "bytes tokenizer");
}

}  // namespace sluice::data
