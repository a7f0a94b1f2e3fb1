// Keys of `data:` and of its tokenizer.
#include "recipes/schema/keys.hpp"
#include "recipes/schema/nearest.hpp"
#include "recipes/schema/slips.hpp"

#include <fmt/format.h>

#include <utility>

namespace sluice::recipes {
namespace {

std::string known_source_keys(const std::string& found) {
  if (const std::string slip = colon_slip(found); !slip.empty()) return slip;
  const std::string meant = nearest(found, {"path", "weight"});
  return meant.empty() ? "known: path, weight" : fmt::format("did you mean '{}'?", meant);
}

constexpr std::int64_t kSmallestBpe = 257;  // 256 bytes and the end-of-text token
constexpr std::int64_t kLargestBpe = 1 << 20;

const Choices& tokenizer_types() {
  static const Choices choices{
      .names = choices_of<TokenizerType>(), .unavailable = {"sentencepiece", "unigram", "wordpiece"}, .also = {{"byte", "bytes"}}};
  return choices;
}

TokenizerConfig read_tokenizer(const Node& node) {
  TokenizerConfig tokenizer;
  if (node.is_scalar()) {
    if (node.plain && !colon_slip(node.text).empty())
      fail_at(node.mark, fmt::format("'tokenizer' must be bytes, bpe or a map, found {}", describe_no_map(node)));
    tokenizer.type = static_cast<TokenizerType>(read_choice(node, tokenizer_types()));
    if (tokenizer.type == TokenizerType::kFile) fail_at(node.mark, "'tokenizer: file' needs the file: tokenizer: {path: tokenizer.json}");
    return tokenizer;
  }
  if (!node.is_map()) fail_at(node.mark, fmt::format("'tokenizer' must be bytes, bpe or a map, found {}", describe(node)));
  read_keys(node, tokenizer_keys(), tokenizer, "data.tokenizer", "'tokenizer'");
  const Node* type = node.find("type");
  const Node* path = node.find("path");
  const Node* vocab_size = node.find("vocab_size");
  if (path && !type) tokenizer.type = TokenizerType::kFile;
  if (path && tokenizer.path.empty()) fail_at(path->mark, "'path' of the tokenizer is empty");
  if (tokenizer.type == TokenizerType::kFile && !path) fail_at(node.mark, "a tokenizer of type file needs 'path'");
  if (tokenizer.type != TokenizerType::kFile && path)
    fail_at(path->mark, fmt::format("'path' means nothing for a tokenizer of type {}; leave one of the two out", type->text));
  if (tokenizer.type != TokenizerType::kBpe && vocab_size) {
    fail_at(vocab_size->mark, fmt::format("'vocab_size' means nothing for a tokenizer of type {}; leave it out",
                                          tokenizer_types().name_of(static_cast<int>(tokenizer.type))));
  }
  return tokenizer;
}

std::string write_tokenizer(const TokenizerConfig& tokenizer) {
  switch (tokenizer.type) {
    case TokenizerType::kBytes: return "{type: bytes}";
    case TokenizerType::kBpe: return fmt::format("{{type: bpe, vocab_size: {}}}", tokenizer.vocab_size);
    case TokenizerType::kFile: return fmt::format("{{path: {}}}", write_text(tokenizer.path));
  }
  return "";
}

DataSource read_source(const Node& node, const std::string& key) {
  DataSource source;
  if (node.is_scalar()) {
    source.path = node.text;
  } else if (node.is_map()) {
    for (const Node& item : node.items)
      if (item.key == "path") source.path = read_text(item);
      else if (item.key == "weight") source.weight = read_number(item, {.low = 0, .without_low = true});
      else fail_at(item.key_mark, fmt::format("unknown key '{}' in a source of '{}'; {}", item.key, key, known_source_keys(item.key)));
  } else {
    fail_at(node.mark, fmt::format("a source of '{}' must be a path or {{path: ..., weight: ...}}, found {}", key, describe(node)));
  }
  if (source.path.empty()) fail_at(node.mark, fmt::format("a source of '{}' has no path", key));
  return source;
}

Key<DataConfig> sources_key(std::string name, std::vector<DataSource> DataConfig::*member, std::string default_value, std::string doc,
                            std::vector<std::string> aliases) {
  return {{std::move(name), "list of paths", "each a file, glob or folder, or {path: ..., weight: above 0}", std::move(doc),
           std::move(aliases), std::move(default_value)},
          [member](DataConfig& out, const Node& node, const ReadContext&) {
            (out.*member).clear();
            if (node.kind == Node::Kind::kList)
              for (const Node& item : node.items) (out.*member).push_back(read_source(item, node.key));
            else if (node.is_scalar() || node.is_map()) (out.*member).push_back(read_source(node, node.key));
            else fail_at(node.mark, fmt::format("'{}' must be a list of paths, found {}", node.key, describe(node)));
          },
          [member](const DataConfig& in) -> std::string {
            std::string list;
            for (const DataSource& source : in.*member) {
              list += list.empty() ? "" : ", ";
              list += source.weight == 1.0 ? write_text(source.path)
                                           : fmt::format("{{path: {}, weight: {}}}", write_text(source.path), write_number(source.weight));
            }
            return "[" + list + "]";
          }};
}

}  // namespace

const Keys<TokenizerConfig>& tokenizer_keys() {
  static const Keys<TokenizerConfig> keys = [] {
    Keys<TokenizerConfig> list = {
        choice_key("type", &TokenizerConfig::type, tokenizer_types(),
                   "bytes: one token a byte; bpe: byte-level, trained once on data.train and kept in the run; file: as `path` says"),
        integer_key("vocab_size", &TokenizerConfig::vocab_size, {kSmallestBpe, kLargestBpe},
                    "of bpe: 256 bytes, the merges and one end-of-text token", {"padded_vocab_size", "num_merges"}),
        text_key("path", &TokenizerConfig::path, "a Hugging Face tokenizer.json (GPT-2, Llama-3 or Qwen splitter); type is then file",
                 {"tokenizer_model", "vocab_file", "tokenizer_name"}),
    };
    return list;
  }();
  return keys;
}

const Keys<DataConfig>& data_keys() {
  static const Keys<DataConfig> keys = {
      sources_key("train", &DataConfig::train, "required",
                  "training text: .txt, .jsonl or .ndjson, also .gz and .zst; what else lies in a folder is left out with a warning",
                  {"train_files", "train_file", "data_path", "train_data_path", "train_data", "dataset_path", "paths"}),
      sources_key("validation", &DataConfig::validation, "[]",
                  "held-out text; takes precedence over validation_split; weights have no effect",
                  {"valid", "val", "valid_data_path", "validation_files", "eval_files"}),
      number_key("validation_split", &DataConfig::validation_split, {.low = 0, .high = 1, .without_high = true},
                 "share of the tokens (rounded down) cut from the end of each train source for validation when `validation` is empty",
                 {"val_size", "val_set_size", "split", "validation_fraction"}),
      integer_key("eval_sequences", &DataConfig::eval_sequences, {1}, "sequences an evaluation looks at, at most",
                  {"eval_iters", "eval_samples", "max_eval_samples", "eval_batches"}),
      text_key("text_key", &DataConfig::text_key, "the field of a .jsonl line that holds the text",
               {"text_field", "text_column", "json_keys", "column"}),
      choice_key("invalid_utf8", &DataConfig::invalid_utf8, {.also = {{"strict", "error"}}},
                 "replace by U+FFFD (counted and located), or stop"),
      {{"tokenizer",
        "bytes, bpe or a map",
        "see data.tokenizer",
        "how text becomes tokens",
        {"tokenizer_type", "tokenizer_path"},
        "{type: bpe, vocab_size: 4096}"},
       [](DataConfig& out, const Node& node, const ReadContext&) { out.tokenizer = read_tokenizer(node); },
       [](const DataConfig& in) { return write_tokenizer(in.tokenizer); }},
      integer_key("seq_length", &DataConfig::seq_length, {1, 1 << 24}, "tokens of a training sequence",
                  {"seq_len", "sequence_len", "sequence_length", "cutoff_len", "max_seq_len", "max_seq_length", "context_length",
                   "max_context_length", "block_size", "encoder_seq_length"}),
      choice_key("order", &DataConfig::order, {.also = {{"shuffle", "shuffled"}}},
                 "of samples: shuffled, or contiguous lanes (sample i is segment i div G of lane i mod G, G = global_batch_size)",
                 {"shuffle"}),
  };
  return keys;
}

}  // namespace sluice::recipes
