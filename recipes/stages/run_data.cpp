#include "recipes/stages/run_data.hpp"

#include "core/base/clock.hpp"
#include "core/base/files.hpp"
#include "core/base/log.hpp"
#include "data/bpe_trainer.hpp"
#include "data/load_tokenizer.hpp"
#include "recipes/run/units.hpp"
#include "recipes/stages/rank0.hpp"
#include "recipes/stages/whole_node.hpp"

#include <fmt/core.h>

#include <algorithm>

namespace sluice::recipes {
namespace {

data::DataOptions data_options(const DataConfig& config, int threads) {
  data::DataOptions options;
  for (const DataSource& source : config.train) options.train.push_back({source.path, source.weight});
  for (const DataSource& source : config.validation) options.validation.push_back({source.path, source.weight});
  options.validation_split = config.validation_split;
  options.eval_sequences = config.eval_sequences;
  options.text_key = config.text_key;
  options.invalid_utf8 = config.invalid_utf8 == InvalidUtf8::kError ? data::InvalidUtf8::kError : data::InvalidUtf8::kReplace;
  options.seq_length = config.seq_length;
  options.order = config.order == Order::kContiguous ? data::Order::kContiguous : data::Order::kShuffled;
  options.threads = threads;
  return options;
}

std::filesystem::path cache_directory(const RunDirectory& run) {
  return run.path().parent_path() / ".cache" / "tokens";
}

// Turns the data room's progress into signs of life.
data::ProgressCallback progress_of(const Heartbeat& heartbeat) {
  return [heartbeat](const data::Progress& p) { heartbeat(fmt::format("{} {} ({} of {} bytes)", p.activity, p.source, p.done, p.total)); };
}

std::string make_tokenizer(const Recipe& recipe, const std::filesystem::path& inherited, int threads, const Heartbeat& heartbeat) {
  if (!inherited.empty()) return data::load_tokenizer(inherited)->json();
  const TokenizerConfig& config = recipe.data.tokenizer;
  if (config.type == TokenizerType::kBytes) return data::make_bytes_tokenizer()->json();
  if (config.type == TokenizerType::kFile) return data::load_tokenizer(config.path)->json();
  const Stopwatch watch;
  data::BpeTrainer trainer({.vocab_size = config.vocab_size, .threads = threads, .min_frequency = 0});
  std::uint64_t bytes = 0;
  data::for_each_text_chunk(
      data_options(recipe.data, threads), [&](std::string_view text, bool) {
        trainer.add(text);
        bytes += text.size();
      },
      progress_of(heartbeat));
  heartbeat("learning merges");
  const data::TokenizerPtr tokenizer = trainer.finish();
  log_info("tokenizer: byte-level BPE, {} tokens, trained on {} in {}", tokenizer->vocab_size(), human_bytes(static_cast<double>(bytes)), human_duration(watch.seconds()));
  return tokenizer->json();
}

}  // namespace

data::TokenizerPtr open_tokenizer(parallel::World& world, const Recipe& recipe, const RunDirectory& run, const std::filesystem::path& inherited, int threads, bool resumed) {
  on_rank0(world, "tokenizer", [&](const Heartbeat& heartbeat) {
    const WholeNode node(threads * world.layout().local_size);
    // One that an earlier start left without ever saving a checkpoint may be of another recipe or corpus.
    if (!resumed || !std::filesystem::exists(run.tokenizer()))
      write_file_atomically(run.tokenizer(), make_tokenizer(recipe, inherited, node.threads(), heartbeat));
    return std::string();
  });
  data::TokenizerPtr tokenizer;
  on_all_ranks(world, "tokenizer", [&] { tokenizer = data::load_tokenizer(run.tokenizer()); });
  return tokenizer;
}

std::shared_ptr<const data::Corpus> open_corpus(parallel::World& world, const DataConfig& config, const RunDirectory& run, data::TokenizerPtr tokenizer, int threads) {
  const data::DataOptions options = data_options(config, threads);
  on_rank0(world, "tokens", [&](const Heartbeat& heartbeat) {
    const WholeNode node(threads * world.layout().local_size);
    const data::CorpusSummary summary =
        data::prepare_corpus(data_options(config, node.threads()), *tokenizer, cache_directory(run), progress_of(heartbeat));
    for (const std::string& warning : summary.warnings) log_warning("{}", warning);
    return std::string();
  });
  std::shared_ptr<const data::Corpus> corpus;
  on_all_ranks(world, "tokens", [&] { corpus = std::make_shared<const data::Corpus>(options, tokenizer, cache_directory(run)); });
  return corpus;
}

EvaluationSet load_evaluation(const data::Corpus& corpus, const data::TokenizerPtr& tokenizer) {
  // Without validation text, training text still makes the held batch of the receipts; it is never reported as validation.
  const data::EvaluationSet windows = corpus.has_validation() ? corpus.evaluation() : data::EvaluationSet(corpus.train(), tokenizer, 8);
  const data::Batch batch = windows.rows(0, windows.size());
  const data::TargetCounts counts = windows.counts(0, windows.size());
  EvaluationSet set;
  set.tokens = batch.tokens;
  set.length = windows.seq_length();
  set.target_bytes = static_cast<std::int64_t>(counts.bytes);
  set.target_words = static_cast<std::int64_t>(counts.words);
  return set;
}

EvaluationSet held_batch(const EvaluationSet& evaluation, std::int64_t vocab_size) {
  const std::int64_t fits = (std::int64_t{32} << 20) / std::max<std::int64_t>(1, evaluation.length * vocab_size);
  const std::int64_t count = std::clamp<std::int64_t>(fits, 1, std::min<std::int64_t>(4, evaluation.sequences()));
  EvaluationSet held;
  held.length = evaluation.length;
  held.tokens.assign(evaluation.tokens.begin(), evaluation.tokens.begin() + count * (evaluation.length + 1));
  return held;
}

}  // namespace sluice::recipes
