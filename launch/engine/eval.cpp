#include "core/base/error.hpp"
#include "core/base/log.hpp"
#include "core/base/sha256.hpp"
#include "core/nn/cross_entropy.hpp"
#include "core/tensor/host_memory.hpp"
#include "launch/commands/source_text.hpp"
#include "launch/engine/commands.hpp"
#include "launch/engine/loaded_model.hpp"
#include "launch/engine/world_session.hpp"
#include "recipes/run/run_directory.hpp"
#include "recipes/schema/read_recipe.hpp"
#include "recipes/stages/batch.hpp"
#include "recipes/stages/evaluation.hpp"
#include "recipes/stages/rank0.hpp"
#include "recipes/stages/rank_abilities.hpp"
#include "recipes/stages/run_data.hpp"
#include "recipes/stages/threads.hpp"

#include <ATen/Parallel.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <cmath>
#include <cstring>
#include <memory>
#include <numbers>
#include <set>
#include <span>

namespace sluice {
namespace {

// The text to evaluate, as token ids; each document ends with EOS.
struct EvalText {
  std::vector<std::int32_t> ids;
  // Set on rank 0 only, which prints them.
  std::int64_t words = 0;
  std::string sha256;  // of the text's bytes, repaired, document after document
};

// Collective. Rank 0 reads the text for all ranks, so that warnings and errors are printed once.
EvalText read_text(parallel::World& world, const std::vector<std::string>& sources, const data::Tokenizer& tokenizer,
                   const std::string& text_key) {
  EvalText text;
  const std::string bytes = recipes::on_rank0(world, "text to evaluate", [&](const recipes::Heartbeat& heartbeat) {
    Sha256 hash;
    WordCounter words;
    for_each_piece(
        sources,
        [&](const data::TextPiece& piece, std::size_t) {
          hash.update(piece.text);
          text.words += static_cast<std::int64_t>(words.count(piece));
          tokenizer.encode(piece.text, text.ids);
          if (piece.ends_document) text.ids.push_back(tokenizer.eos_id());
          heartbeat.progress(fmt::format("text to evaluate ({} tokens)", text.ids.size()));
        },
        text_key);
    text.sha256 = hash.hex();
    if (text.ids.size() < 2) throw data_error("{}: {} tokens; at least 2 are needed", fmt::join(sources, ", "), text.ids.size());
    return std::string(reinterpret_cast<const char*>(text.ids.data()), text.ids.size() * sizeof(std::int32_t));
  });
  text.ids.resize(bytes.size() / sizeof(std::int32_t));
  std::memcpy(text.ids.data(), bytes.data(), bytes.size());
  return text;
}

struct Window {
  std::int64_t begin;    // first input token
  std::int64_t length;   // input tokens
  std::int64_t counted;  // targets at its end that count
};

// Windows of `length` targets (of all targets if there are fewer) that advance by `stride`; every target but the first token's
// counts exactly once.
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

// How many sequences of `length` tokens go into one pass: the user's number, else few enough that their activations stay small.
std::int64_t sequences_at_once(const EvalOptions& options, std::int64_t length) {
  return options.batch > 0 ? options.batch : std::max<std::int64_t>(1, 4096 / std::max<std::int64_t>(1, length));
}

// The sum of the loss (nats) over the counted targets of some windows of equal length, computed in one pass.
double window_nats(recipes::TrainModel& model, const std::vector<std::int32_t>& ids, std::span<const Window> windows, std::int64_t length) {
  at::NoGradGuard no_grad;
  std::vector<std::int32_t> tokens;
  std::vector<std::int64_t> samples;
  for (const Window& window : windows) {
    samples.push_back(static_cast<std::int64_t>(samples.size()));
    tokens.insert(tokens.end(), ids.begin() + window.begin, ids.begin() + window.begin + length + 1);
  }
  const auto count = static_cast<std::int64_t>(windows.size());
  const recipes::ModelInput input = recipes::make_input(
      recipes::LocalBatch::of_length(length, std::move(tokens), std::move(samples), count), 0, count, model.decoder->device());
  const ForwardOutput output = model.decoder->forward(input.batch, nullptr, {0, "eval"});
  const at::Tensor nll = token_nll(output.hidden, input.targets, model.decoder->head(), model.decoder->head_numerics);
  double nats = 0.0;
  std::int64_t end = 0;
  for (const Window& window : windows) {
    end += length;
    nats += nll.narrow(0, end - window.counted, window.counted).sum(at::kDouble).item<double>();
  }
  return nats;
}

// Collective. The sum of window_nats over all windows. Every rank runs the same number of passes, with zero rows if need be.
double total_nats(recipes::TrainModel& model, const recipes::Layout& layout, const std::vector<std::int32_t>& ids,
                  const std::vector<Window>& windows, std::int64_t batch) {
  double nats = 0.0;
  recipes::for_each_share(layout, static_cast<std::int64_t>(windows.size()), batch, [&](std::int64_t first, std::int64_t count) {
    const auto some = std::span(windows).subspan(static_cast<std::size_t>(first), static_cast<std::size_t>(count));
    nats += window_nats(model, ids, some, windows.front().length);
  });
  layout.world->start_all_reduce(&nats, 1, DType::kFloat64, parallel::ReduceOp::kSum, {"evaluation loss", 0, "", "eval"}).finish();
  return nats;
}

// Ids are checked before they are narrowed to 32 bits: a larger number would wrap into the vocabulary.
std::vector<std::int32_t> literal_ids(const std::vector<std::int64_t>& tokens, std::int64_t vocab_size) {
  std::vector<std::int32_t> ids;
  for (const std::int64_t id : tokens) {
    if (id < 0 || id >= vocab_size) throw usage_error("--tokens: id {} is outside the vocabulary (0 to {})", id, vocab_size - 1);
    ids.push_back(static_cast<std::int32_t>(id));
  }
  if (ids.size() < 2) throw usage_error("--tokens: {} id given, at least 2 are needed to predict one", ids.size());
  return ids;
}

void print_logprobs(LoadedModel& loaded, const recipes::Layout& layout, const EvalOptions& options) {
  recipes::TrainModel& model = loaded.model;
  const std::vector<std::int32_t> ids = literal_ids(options.tokens, model.config.vocab_size);
  nlohmann::json logprobs = nlohmann::json::array();
  at::NoGradGuard no_grad;
  const auto length = static_cast<std::int64_t>(ids.size()) - 1;
  warn_of_untrained_positions(loaded, layout, length, fmt::format("--tokens of {} ids", ids.size()));
  const recipes::ModelInput input = recipes::make_input(recipes::LocalBatch::of_length(length, ids, {0}, 1), 0, 1, model.decoder->device());
  const ForwardOutput output = model.decoder->forward(input.batch, nullptr, {0, "eval"});
  const at::Tensor nll = token_nll(output.hidden, input.targets, model.decoder->head(), model.decoder->head_numerics).to(at::kDouble);
  require_finite(nll.isfinite().all().item<bool>(), "loss", loaded, layout);
  for (const double nats : values_of<double>(nll)) logprobs.push_back(-nats);
  log_info("{}", nlohmann::json{{"logprobs", logprobs}}.dump());
}

struct Measured {
  double nats = 0.0;
  std::int64_t tokens = 0, bytes = 0, words = 0, length = 0, stride = 0;
  std::string sha256, source;
};

// The stage that the checkpoint's step belongs to, from the run's recipe.
recipes::Stage stage_of(const LoadedModel& loaded) {
  const recipes::Recipe recipe = recipes::read_recipe(loaded.run / "recipe.resolved.yaml");
  for (const recipes::Stage& stage : recipe.stages)
    if (stage.name == loaded.stage) return stage;
  throw data_error("{}: its stage '{}' is not in the recipe of {}", loaded.folder.string(), loaded.stage, loaded.run.string());
}

// Measures the text of --data, in windows of `length` targets that advance by `stride`.
Measured measure_text(parallel::World& world, LoadedModel& loaded, const recipes::Layout& layout, const EvalOptions& options) {
  Measured m;
  m.length = options.seq_length > 0 ? options.seq_length : loaded.description.decoder.max_position_embeddings;
  m.stride = options.stride > 0 ? options.stride : m.length;
  if (m.stride > m.length)
    throw usage_error("--stride {} is longer than --seq-length {}: some targets would not count", m.stride, m.length);
  std::string text_key = options.text_key.empty() ? "text" : options.text_key;
  recipes::on_all_ranks(world, "recipe of the run", [&] {
    if (!loaded.run.empty() && options.text_key.empty()) text_key = stage_of(loaded).data.text_key;
  });
  const EvalText text = read_text(world, options.data, *loaded.tokenizer, text_key);
  const std::vector<Window> windows = plan_windows(static_cast<std::int64_t>(text.ids.size()), m.length, m.stride);
  warn_of_untrained_positions(loaded, layout, windows.front().length, fmt::format("windows of {} tokens", windows.front().length));
  m.nats = total_nats(loaded.model, layout, text.ids, windows, sequences_at_once(options, windows.front().length));
  for (std::size_t i = 1; i < text.ids.size(); ++i) m.bytes += loaded.tokenizer->bytes_of(text.ids[i]);
  m.tokens = static_cast<std::int64_t>(text.ids.size()) - 1;
  m.words = text.words;
  m.sha256 = text.sha256;
  m.source = fmt::format("{}", fmt::join(options.data, ", "));
  return m;
}

// Measures the validation windows that the run itself evaluates. The result's sha256 is that of their token ids.
Measured measure_run(parallel::World& world, LoadedModel& loaded, const recipes::Layout& layout, const EvalOptions& options) {
  if (loaded.run.empty())
    throw usage_error("{}: no --data given, and it belongs to no run whose validation text could be used", options.model);
  if (options.seq_length > 0 || options.stride > 0)
    throw usage_error("--seq-length and --stride go with --data; a run's own validation windows have their length");
  recipes::Stage stage;
  recipes::on_all_ranks(world, "recipe of the run", [&] { stage = stage_of(loaded); });
  std::set<std::string> told;
  const std::shared_ptr<const data::Corpus> corpus =
      recipes::open_corpus(world, stage, recipes::RunDirectory(loaded.run), loaded.tokenizer, at::get_num_threads(), told);
  if (!corpus->has_validation()) throw usage_error("{}: the run has no validation text; give some with --data", loaded.run.string());
  const recipes::EvaluationSet set = recipes::load_evaluation(*corpus, loaded.tokenizer);
  const recipes::Evaluation result = recipes::evaluate(loaded.model, layout, set, sequences_at_once(options, set.length), 0);
  return {result.nats, set.targets(), set.target_bytes,          set.target_words,
          set.length,  set.length,    recipes::held_sha256(set), "the run's validation windows"};
}

}  // namespace

int eval_command(const EvalOptions& options) {
  return run_in_world({}, [&](parallel::World& world) {
    recipes::on_all_ranks(world, "threads", [&] { recipes::use_threads(0, world.placement().sharing_ranks); });
    const at::Device device = recipes::device_for_command(world, options.device);
    // Each rank holds the whole model; sequences are shared.
    const recipes::Layout layout = recipes::make_layout(world, 1);
    LoadedModel loaded = load_model(world, options.model, layout, device, options.tokens.empty());
    if (!options.tokens.empty()) {
      print_logprobs(loaded, layout, options);
      return 0;
    }
    const Measured m = options.data.empty() ? measure_run(world, loaded, layout, options) : measure_text(world, loaded, layout, options);
    require_finite(std::isfinite(m.nats), "loss", loaded, layout);
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
                                           {"device", device.str()},
                                           {"model", loaded.folder.string()}};
      log_info("{}", json.dump());
    } else {
      log_info("{}", loaded.folder.string());
      log_info("on {} (sha256 {}..., {} tokens, {} bytes, {} words; context {}, stride {}{})", m.source, m.sha256.substr(0, 16), m.tokens,
               m.bytes, m.words, m.length, m.stride, device.is_cpu() ? "" : "; computed on " + device.str());
      log_info("loss {:.5f} nats a token, {:.5f} bits per byte, word perplexity {:.3f}", loss, bits, perplexity);
    }
    return 0;
  });
}

}  // namespace sluice
