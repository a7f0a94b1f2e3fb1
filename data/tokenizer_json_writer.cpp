#include <fmt/format.h>

#include <iterator>
#include <nlohmann/json.hpp>

#include "data/tokenizer_json.hpp"

namespace sluice::data {

std::string write_tokenizer_json(const TokenizerSpec& spec) {
  std::string text;
  const auto out = std::back_inserter(text);
  const auto quoted = [](const std::string& token) { return nlohmann::json(token).dump(); };
  text += "{\n  \"version\": \"1.0\",\n  \"truncation\": null,\n  \"padding\": null,\n  \"added_tokens\": [";
  const char* separator = "";
  for (const auto& token : spec.added_tokens) {
    fmt::format_to(out, R"({}
    {{"id": {}, "content": {}, "single_word": false, "lstrip": {}, "rstrip": {}, "normalized": {}, "special": {}}})",
                   separator, token.id, quoted(token.content), token.lstrip, token.rstrip, token.normalized, token.special);
    separator = ",";
  }
  text += R"(
  ],
  "normalizer": null,
  "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true},
  "post_processor": null,
  "decoder": {"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true},
  "model": {
    "type": "BPE",
    "dropout": null,
    "unk_token": null,
    "continuing_subword_prefix": null,
    "end_of_word_suffix": null,
    "fuse_unk": false,
    "byte_fallback": false,
    "ignore_merges": false,
    "vocab": {)";
  separator = "";
  for (std::size_t id = 0; id < spec.tokens.size(); ++id) {
    fmt::format_to(out, "{}\n      {}: {}", separator, quoted(spec.tokens[id]), id);
    separator = ",";
  }
  text += "\n    },\n    \"merges\": [";
  separator = "";
  for (const auto& merge : spec.merges) {
    fmt::format_to(out, "{}\n      [{}, {}]", separator, quoted(spec.tokens[static_cast<std::size_t>(merge.left)]),
                   quoted(spec.tokens[static_cast<std::size_t>(merge.right)]));
    separator = ",";
  }
  text += spec.merges.empty() ? "]\n  }\n}\n" : "\n    ]\n  }\n}\n";
  return text;
}

}  // namespace sluice::data
