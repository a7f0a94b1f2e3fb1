#include <fmt/format.h>

#include <filesystem>
#include <iterator>

#include "core/base/clock.hpp"
#include "core/base/counted.hpp"
#include "core/base/error.hpp"
#include "core/base/files.hpp"
#include "core/base/log.hpp"
#include "core/base/omp_threads.hpp"
#include "core/base/standard_output.hpp"
#include "core/checkpoint/model_location.hpp"
#include "data/bpe_trainer.hpp"
#include "data/load_tokenizer.hpp"
#include "data/utf8.hpp"
#include "launch/commands/commands.hpp"
#include "launch/commands/source_text.hpp"

namespace sluice {
namespace {

namespace fs = std::filesystem;

void put(std::string_view bytes) {
  write_standard_output(bytes);
  require_standard_output();
}

// The file to write the tokenizer to; its folder is made. Called before the work, so that a mistake is reported at once.
fs::path prepared_output(const std::string& output) {
  const fs::path path = fs::is_directory(output) ? fs::path(output) / "tokenizer.json" : fs::path(output);
  std::error_code failed;
  if (path.has_parent_path()) fs::create_directories(path.parent_path(), failed);
  if (failed) throw usage_error("--output {}: its folder cannot be made: {}", output, failed.message());
  return path;
}

int train(const TokenizeOptions& options) {
  const fs::path output = prepared_output(options.output);
  const int threads = threads_to_use();
  const Stopwatch watch;
  data::BpeTrainer trainer({.vocab_size = options.vocab_size, .threads = threads, .min_frequency = 0});
  std::uint64_t bytes = 0;
  const auto files =
      for_each_piece(options.files, [&](const data::TextPiece& piece, std::size_t) { trainer.add(piece.text); }, options.text_key);
  for (const SourceText& file : files) bytes += file.bytes;
  const data::TokenizerPtr tokenizer = trainer.finish();
  const double seconds = watch.seconds(), megabytes = static_cast<double>(bytes) / 1e6;
  write_file_atomically(output, tokenizer->json());
  if (tokenizer->vocab_size() < options.vocab_size)
    log_warning("{} tokens instead of {}: the text has no more pairs to merge", tokenizer->vocab_size(), options.vocab_size);
  log_info("{}: byte-level BPE of {} tokens, trained on {:.1f} MB in {:.1f} s ({:.1f} MB/s, {})", output.string(), tokenizer->vocab_size(),
           megabytes, seconds, megabytes / seconds, counted(threads, "thread"));
  return 0;
}

// `name` is a file, a folder with a tokenizer.json, or the name of a model (RUN, RUN@STEP).
data::TokenizerPtr open_tokenizer(const std::string& name) {
  if (fs::exists(name) || (name.find('@') == std::string::npos && !fs::exists(fs::path("runs") / name))) return data::load_tokenizer(name);
  data::TokenizerPtr tokenizer;
  checkpoint::open_located(name, checkpoint::VerifyDepth::kEverything,
                           [&](const checkpoint::ModelLocation& location) { tokenizer = data::load_tokenizer(location.path); });
  return tokenizer;
}

// Prints ids on the current line, with spaces between them; ends the line if `ends`. `at_start`: nothing of the line is printed yet.
void print_ids(const std::vector<std::int32_t>& ids, bool& at_start, bool ends) {
  fmt::memory_buffer line;
  for (const std::int32_t id : ids) {
    fmt::format_to(std::back_inserter(line), "{}{}", at_start ? "" : " ", id);
    at_start = false;
  }
  if (ends) {
    line.push_back('\n');
    at_start = true;
  }
  put({line.data(), line.size()});
}

// Prints the ids of each document on a line of its own.
int encode(const TokenizeOptions& options) {
  const data::TokenizerPtr tokenizer = open_tokenizer(options.tokenizer);
  std::vector<std::int32_t> ids;
  bool at_start = true;
  const auto take = [&](std::string_view text, bool ends) {
    ids.clear();
    tokenizer->encode(text, ids, options.special);
    print_ids(ids, at_start, ends);
  };
  if (options.text) take(repaired_argument("--text", *options.text), true);
  else
    for_each_piece(
        options.files, [&](const data::TextPiece& piece, std::size_t) { take(piece.text, piece.ends_document); }, options.text_key);
  return 0;
}

int decode(const TokenizeOptions& options) {
  const data::TokenizerPtr tokenizer = open_tokenizer(options.tokenizer);
  std::vector<std::int32_t> ids;
  for (const std::int64_t id : options.ids) {
    if (id < 0 || id >= tokenizer->vocab_size())
      throw usage_error("token id {} is outside the vocabulary of {} (0 to {})", id, options.tokenizer, tokenizer->vocab_size() - 1);
    ids.push_back(static_cast<std::int32_t>(id));
  }
  put(tokenizer->decode(ids) + "\n");
  return 0;
}

struct Counts {
  std::uint64_t documents = 0, bytes = 0, words = 0, tokens = 0;
  void add(const Counts& other) {
    documents += other.documents;
    bytes += other.bytes;
    words += other.words;
    tokens += other.tokens;
  }
  void print(std::string_view name) const {
    log_info("{}: {}, {} bytes, {} words, {} tokens ({:.3f} bytes a token)", name, counted(documents, "document"), bytes, words, tokens,
             tokens == 0 ? 0.0 : static_cast<double>(bytes) / static_cast<double>(tokens));
  }
};

int count(const TokenizeOptions& options) {
  const data::TokenizerPtr tokenizer = open_tokenizer(options.tokenizer);
  std::vector<std::int32_t> ids;
  const auto tokens_in = [&](std::string_view text) {
    ids.clear();
    tokenizer->encode(text, ids, options.special);
    return ids.size();
  };
  if (options.text) {
    const std::string text = repaired_argument("--text", *options.text);
    Counts{1, text.size(), data::count_words(text), tokens_in(text)}.print("--text");
    return 0;
  }
  std::vector<Counts> counts;
  WordCounter words;
  const auto files = for_each_piece(
      options.files,
      [&](const data::TextPiece& piece, std::size_t file) {
        counts.resize(file + 1);
        counts[file].words += words.count(piece);
        counts[file].tokens += tokens_in(piece.text);
      },
      options.text_key);
  counts.resize(files.size());
  Counts total;
  for (std::size_t i = 0; i < files.size(); ++i) {
    counts[i].documents = files[i].documents;
    counts[i].bytes = files[i].bytes;
    counts[i].print(files[i].path);
    total.add(counts[i]);
  }
  if (files.size() > 1) total.print(fmt::format("{} files", files.size()));
  return 0;
}

}  // namespace

int tokenize_command(const TokenizeOptions& options) {
  switch (options.action) {
    case TokenizeAction::kTrain: return train(options);
    case TokenizeAction::kEncode: return encode(options);
    case TokenizeAction::kDecode: return decode(options);
    case TokenizeAction::kCount: return count(options);
  }
  throw usage_error("tokenize: unknown action {}", static_cast<int>(options.action));
}

}  // namespace sluice
