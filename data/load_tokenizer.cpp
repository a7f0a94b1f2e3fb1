#include "data/load_tokenizer.hpp"

#include <nlohmann/json.hpp>
#include <utility>

#include "core/base/error.hpp"
#include "core/base/file_kind.hpp"
#include "core/base/files.hpp"
#include "data/bpe_tokenizer.hpp"
#include "data/byte_level.hpp"

namespace sluice::data {

namespace {

/// The end-of-text token that a tokenizer_config.json names: "…" or {"content": "…"}; "" if there is no such file or it names none.
std::string configured_eos_token(const std::filesystem::path& config) {
  std::error_code unknown;
  require_no_dangling_link(config);
  if (!std::filesystem::exists(config, unknown)) return "";
  const std::string text = read_file(config);
  refuse_foreign(text, config.string(), "a tokenizer_config.json", "copy or download it again");
  const auto json = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) throw data_error("{}: not a JSON object (damaged or cut short?)", config.string());
  const auto found = json.find("eos_token");
  if (found == json.end() || found->is_null()) return "";
  const auto content = found->is_object() ? found->find("content") : found;
  if ((found->is_object() && content == found->end()) || !content->is_string() || content->get_ref<const std::string&>().empty())
    throw data_error("{}: 'eos_token' is {}; expected a token or an object with its 'content'", config.string(), found->dump());
  return content->get<std::string>();
}

}  // namespace

TokenizerPtr load_tokenizer(const std::filesystem::path& path, std::string_view eos_token) {
  const auto file = std::filesystem::is_directory(path) ? path / "tokenizer.json" : path;
  if (!eos_token.empty() || file.filename() != "tokenizer.json") return tokenizer_from_json(read_file(file), file.string(), eos_token);
  const auto config = file.parent_path() / "tokenizer_config.json";
  const std::string named = configured_eos_token(config);
  const std::string origin = named.empty() ? file.string() : fmt::format("{} (eos_token as in {})", file.string(), config.string());
  return tokenizer_from_json(read_file(file), origin, named);
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
