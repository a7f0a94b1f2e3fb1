#include "core/base/error.hpp"
#include "core/base/log.hpp"
#include "core/base/sha256.hpp"
#include "core/nn/cross_entropy.hpp"
#include "data/document_reader.hpp"
#include "data/source_files.hpp"
#include "launch/engine/commands.hpp"
#include "launch/engine/loaded_model.hpp"
#include "launch/engine/world_session.hpp"
#include "recipes/run/run_directory.hpp"
#include "recipes/schema/read_recipe.hpp"
#include "recipes/stages/evaluation.hpp"
#include "recipes/stages/rank0.hpp"
#include "recipes/stages/run_data.hpp"
#include "recipes/stages/threads.hpp"

#include <fmt/core.h>
#include <nlohmann/json.hpp>

#include <cmath>
#include <numbers>

namespace sluice {
namespace {

// The text to evaluate, as token ids (documents end with EOS) with what each id stands for.
struct EvalText {
  std::vector<std::int32_t> ids;
  std::int64_t words = 0;
  std::string sha256;  // of the text's bytes, repaired, document after document
  std::string source;
};

EvalText read_text(const std::vector<std::string>& sources, const data::Tokenizer& tokenizer) {
  EvalText text;
  Sha256 hash;
  for (const std::string& source : sources) {
    text.source += (text.source.empty() ? "" : ", ") + source;
    for (const data::SourceFile& file : data::find_source_files(source)) {
      data::DocumentReader reader(file, {});
      data::TextPiece piece;
      bool inside_word = false;
      while (reader.next(piece)) {
        hash.update(piece.text);
        if (piece.begins_document) inside_word = false;
        text.words += static_cast<std::int64_t>(data::count_words(piece.text, inside_word));
        inside_word = !piece.text.empty() && static_cast<unsigned char>(piece.text.back()) > ' ';
        tokenizer.encode(piece.text, text.ids);
        if (piece.ends_document) text.ids.push_back(tokenizer.eos_id());
      }
    }
  }
  text.sha256 = hash.hex();
  return text;
}

struct Window {
  std::int64_t begin;    // first input token
  std::int64_t length;   // input tokens
  std::int64_t counted;  // targets at its end that count
};

// Windows of at most `length` targets that advance by `stride`; every target but the first token's counts exactly once.
std::vector<Window> plan_windows(std::int64_t tokens, std::int64_t length, std::int64_t stride) {
  std::vector<Window> windows;
  std::int64_t done = 0;  // targets counted; target i is token i + 1
  const std::int64_t targets = tokens - 1;
  while (done < targets) {
    const std::int64_t end = std::min(targets, done == 0 ? length : done + stride);
    const std::int64_t begin = std::max<std::int64_t>(0, end - length);
    windows.push_back({begin, end - begin, end - done});
    done = end;
  }
  return windows;
}

double window_nats(recipes::TrainModel& model, const std::vector<std::int32_t>& ids, const Window& window) {
  at::NoGradGuard no_grad;
  const at::Tensor tokens = at::from_blob(const_cast<std::int32_t*>(ids.data()) + window.begin, {window.length + 1}, at::TensorOptions().dtype(at::kInt)).to(at::kLong);
  RowTable rows;
  rows.sequences = 1;
  rows.length = window.length;
  rows.sample_indices = {0};
  const ForwardOutput output = model.decoder->forward(tokens.narrow(0, 0, window.length), rows, {0, "eval", false});
  const at::Tensor nll = token_nll(output.hidden, tokens.narrow(0, 1, window.length), model.decoder->head());
  return nll.narrow(0, window.length - window.counted, window.counted).sum(at::kDouble).item<double>();
}

// Every rank runs the same number of passes; a rank without work of its own repeats a window and discards it.
double total_nats(recipes::TrainModel& model, const recipes::Layout& layout, const EvalText& text, const std::vector<Window>& windows) {
  double nats = 0.0;
  const auto world = static_cast<std::size_t>(layout.size());
  for (std::size_t i = 0; i < windows.size(); i += world) {
    const std::size_t mine = i + static_cast<std::size_t>(layout.rank());
    const double value = window_nats(model, text.ids, windows[std::min(mine, windows.size() - 1)]);
    if (mine < windows.size()) nats += value;
  }
  layout.world->start_all_reduce(&nats, 1, DType::kFloat64, parallel::ReduceOp::kSum, {"evaluation loss", 0, -1, "eval"}).finish();
  return nats;
}

void print_logprobs(recipes::TrainModel& model, const EvalOptions& options) {
  std::vector<std::int32_t> ids(options.tokens.begin(), options.tokens.end());
  if (ids.size() < 2) throw usage_error("--tokens: {} id given, at least 2 are needed to predict one", ids.size());
  nlohmann::json logprobs = nlohmann::json::array();
  at::NoGradGuard no_grad;
  const auto length = static_cast<std::int64_t>(ids.size()) - 1;
  for (const std::int32_t id : ids) {
    if (id < 0 || id >= model.config.vocab_size) throw usage_error("--tokens: id {} is outside the vocabulary (0 .. {})", id, model.config.vocab_size - 1);
  }
  const at::Tensor tokens = at::tensor(ids, at::kInt).to(at::kLong);
  RowTable rows;
  rows.sequences = 1;
  rows.length = length;
  rows.sample_indices = {0};
  const ForwardOutput output = model.decoder->forward(tokens.narrow(0, 0, length), rows, {0, "eval", false});
  const at::Tensor nll = token_nll(output.hidden, tokens.narrow(0, 1, length), model.decoder->head()).to(at::kDouble);
  for (std::int64_t i = 0; i < length; ++i) logprobs.push_back(-nll[i].item<double>());
  log_info("{}", nlohmann::json{{"logprobs", logprobs}}.dump());
}

struct Measured {
  double nats = 0.0;
  std::int64_t tokens = 0, bytes = 0, words = 0, length = 0, stride = 0;
  std::string sha256, source;
};

// Given text, in windows of `length` targets that advance by `stride`.
Measured measure_text(LoadedModel& loaded, const recipes::Layout& layout, const EvalOptions& options) {
  Measured m;
  m.length = options.seq_length > 0 ? options.seq_length : loaded.description.decoder.max_position_embeddings;
  m.stride = options.stride > 0 ? options.stride : m.length;
  if (m.stride > m.length) throw usage_error("--stride {} is longer than --seq-length {}: some targets would not count", m.stride, m.length);
  const EvalText text = read_text(options.data, *loaded.tokenizer);
  if (text.ids.size() < 2) throw data_error("{}: {} tokens; at least 2 are needed", text.source, text.ids.size());
  m.nats = total_nats(loaded.model, layout, text, plan_windows(static_cast<std::int64_t>(text.ids.size()), m.length, m.stride));
  for (std::size_t i = 1; i < text.ids.size(); ++i) m.bytes += loaded.tokenizer->bytes_of(text.ids[i]);
  m.tokens = static_cast<std::int64_t>(text.ids.size()) - 1;
  m.words = text.words;
  m.sha256 = text.sha256;
  m.source = text.source;
  return m;
}

// The validation windows that the run itself looks at; the hash is of their token ids.
Measured measure_run(parallel::World& world, LoadedModel& loaded, const recipes::Layout& layout, const EvalOptions& options) {
  if (loaded.run.empty()) throw usage_error("{}: no --data given, and it belongs to no run whose validation text could be used", options.model);
  if (options.seq_length > 0 || options.stride > 0) throw usage_error("--seq-length and --stride go with --data; a run's own validation windows have their length");
  const recipes::Recipe recipe = recipes::read_recipe(loaded.run / "recipe.resolved.yaml");
  const auto corpus = recipes::open_corpus(world, recipe.data, recipes::RunDirectory(loaded.run), loaded.tokenizer, 0);
  const recipes::EvaluationSet set = recipes::load_evaluation(*corpus, loaded.tokenizer);
  const recipes::Evaluation result = recipes::evaluate(loaded.model, layout, set, options.batch > 0 ? options.batch : 8, 0);
  return {result.nats, set.targets(), set.target_bytes, set.target_words, set.length, set.length, recipes::held_sha256(set),
          corpus->has_validation() ? "the run's validation windows" : "windows of the run's training text (it has no validation text)"};
}

}  // namespace

int eval_command(const EvalOptions& options) {
  return run_in_world({}, [&](parallel::World& world) {
    recipes::use_threads(0, world.layout().local_size);
    // Each rank holds the whole model; sequences are shared.
    const recipes::Layout layout = recipes::make_layout(world, 1);
    LoadedModel loaded = load_model(options.model, layout);
    if (!options.tokens.empty()) {
      print_logprobs(loaded.model, options);
      return 0;
    }
    if (!loaded.tokenizer) throw data_error("{}: there is no tokenizer.json in it", loaded.folder.string());
    const Measured m = options.data.empty() ? measure_run(world, loaded, layout, options) : measure_text(loaded, layout, options);
    const double loss = m.nats / static_cast<double>(m.tokens), bits = m.nats / std::numbers::ln2 / static_cast<double>(m.bytes);
    const double perplexity = std::exp(m.nats / static_cast<double>(m.words));
    if (options.json) {
      const nlohmann::ordered_json json = {{"loss", loss},
                                           {"tokens", m.tokens},
                                           {"bytes", m.bytes},
                                           {"bits_per_byte", bits},
                                           {"word_perplexity", perplexity},
                                           {"words", m.words},
                                           {"corpus_sha256", m.sha256},
                                           {"tokenizer_sha256", sha256_hex(loaded.tokenizer->json())},
                                           {"seq_length", m.length},
                                           {"stride", m.stride},
                                           {"data", m.source},
                                           {"model", loaded.folder.string()}};
      log_info("{}", json.dump());
    } else {
      log_info("{}", loaded.folder.string());
      log_info("on {} (sha256 {}..., {} tokens, {} bytes, {} words; context {}, stride {})", m.source, m.sha256.substr(0, 16), m.tokens, m.bytes, m.words, m.length, m.stride);
      log_info("loss {:.5f} nats a token, {:.5f} bits per byte, word perplexity {:.3f}", loss, bits, perplexity);
    }
    return 0;
  });
}

}  // namespace sluice
