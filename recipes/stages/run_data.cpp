#include "recipes/stages/run_data.hpp"

#include "core/base/cannot_look.hpp"
#include "core/base/clock.hpp"
#include "core/base/files.hpp"
#include "core/base/log.hpp"
#include "data/bpe_trainer.hpp"
#include "data/load_tokenizer.hpp"
#include "recipes/convert/model_config.hpp"
#include "recipes/run/units.hpp"
#include "recipes/stages/rank0.hpp"
#include "recipes/stages/whole_node.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <ranges>

namespace sluice::recipes {
namespace {

data::DataOptions data_options(const DataConfig& config, std::int64_t global_batch_size, int threads) {
  data::DataOptions options;
  for (const DataSource& source : config.train) options.train.push_back({source.path, source.weight});
  for (const DataSource& source : config.validation) options.validation.push_back({source.path, source.weight});
  options.validation_split = config.validation_split;
  options.eval_sequences = config.eval_sequences;
  options.text_key = config.text_key;
  options.invalid_utf8 = config.invalid_utf8;
  options.seq_length = config.seq_length;
  options.order = config.order;
  options.global_batch_size = global_batch_size;
  options.threads = threads;
  return options;
}

std::filesystem::path cache_directory(const RunDirectory& run) { return run.path().parent_path() / ".cache" / "tokens"; }

// Turns the progress that data/ reports into heartbeats.
data::ProgressCallback progress_of(const Heartbeat& heartbeat) {
  return [heartbeat](const data::Progress& p) {
    heartbeat.progress(fmt::format("{}{}{} ({} of {} {})", p.activity, p.source.empty() ? "" : " ", p.source, p.done, p.total, p.unit));
  };
}

data::TokenizerPtr make_tokenizer(const Recipe& recipe, const data::TokenizerPtr& inherited, int threads, const Heartbeat& heartbeat) {
  if (inherited) return inherited;
  const TokenizerConfig& config = recipe.data.tokenizer;
  if (config.type == TokenizerType::kBytes) return data::make_bytes_tokenizer();
  if (config.type == TokenizerType::kFile) return data::load_tokenizer(config.path);
  const Stopwatch watch;
  data::BpeTrainer trainer({.vocab_size = config.vocab_size, .threads = threads, .min_frequency = 0});
  std::uint64_t bytes = 0;
  data::for_each_text_chunk(
      data_options(recipe.data, 0, threads),
      [&](std::string_view text, bool) {
        trainer.add(text);
        bytes += text.size();
      },
      progress_of(heartbeat));
  if (bytes == 0) throw data_error("{}: holds no text", fmt::join(recipe.data.train | std::views::transform(&DataSource::path), ", "));
  const data::TokenizerPtr tokenizer = trainer.finish(progress_of(heartbeat));
  if (tokenizer->vocab_size() < config.vocab_size)
    log_warning("tokenizer: {} tokens asked for, but the text gave only {}", config.vocab_size, tokenizer->vocab_size());
  log_info("tokenizer: byte-level BPE, {} tokens, trained on {} in {}", tokenizer->vocab_size(), human_bytes(static_cast<double>(bytes)),
           human_duration(watch.seconds()));
  return tokenizer;
}

/// The tokenizer of a run that goes on. If its files are damaged or gone, they are restored from the run's verified checkpoint.
data::TokenizerPtr load_or_restore(const std::filesystem::path& tokenizer, const std::filesystem::path& config,
                                   const std::filesystem::path& checkpoint) {
  try {
    return data::load_tokenizer(tokenizer);
  } catch (const CannotLook&) {
    throw;
  } catch (const Error& error) {
    log_warning("{}; it is restored from {}", error.what(), checkpoint.string());
  }
  for (const std::filesystem::path& file : {config, tokenizer}) write_file_atomically(file, read_file(checkpoint / file.filename()));
  return data::load_tokenizer(tokenizer);
}

}  // namespace

data::TokenizerPtr open_tokenizer(parallel::World& world, const Recipe& recipe, const RunDirectory& run,
                                  const data::TokenizerPtr& inherited, int threads, const std::filesystem::path& checkpoint) {
  data::TokenizerPtr tokenizer;
  on_rank0(world, "tokenizer", [&](const Heartbeat& heartbeat) {
    const WholeNode node(threads * world.placement().local_size);
    const std::filesystem::path config = run.path() / "tokenizer_config.json";
    if (!checkpoint.empty()) {
      tokenizer = load_or_restore(run.tokenizer(), config, checkpoint);
      return std::string();
    }
    // A tokenizer left by an earlier start that saved no checkpoint may be of another recipe or corpus, so it is made again.
    const data::TokenizerPtr made = make_tokenizer(recipe, inherited, node.threads(), heartbeat);
    heartbeat("writing the tokenizer");
    // Which token ends a text is not in tokenizer.json.
    write_file_atomically(config, tokenizer_config_json(made->eos_token(), recipe.data.seq_length));
    write_file_atomically(run.tokenizer(), made->json());
    return std::string();
  });
  on_all_ranks(world, "tokenizer", [&] {
    if (!tokenizer) tokenizer = data::load_tokenizer(run.tokenizer());
  });
  return tokenizer;
}

std::shared_ptr<const data::Corpus> open_corpus(parallel::World& world, const Stage& stage, const RunDirectory& run,
                                                data::TokenizerPtr tokenizer, int threads, std::set<std::string>& told) {
  const std::int64_t batch = stage.train.global_batch_size;
  const data::DataOptions options = data_options(stage.data, batch, threads);
  on_rank0(world, "tokens", [&](const Heartbeat& heartbeat) {
    const WholeNode node(threads * world.placement().local_size);
    const data::CorpusSummary summary =
        data::prepare_corpus(data_options(stage.data, batch, node.threads()), *tokenizer, cache_directory(run), progress_of(heartbeat));
    for (const std::string& warning : summary.warnings)
      if (told.insert(warning).second) log_warning("{}", warning);
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

EvaluationSet training_sequences(const data::Corpus& corpus, std::uint64_t seed, std::int64_t global_batch_size, std::int64_t count) {
  const data::Sampler sampler = corpus.sampler(seed, global_batch_size);
  // An even number, so that the caller can use two halves with different sequences even if the text is short.
  const auto whole = static_cast<std::int64_t>(sampler.samples_per_epoch());
  count = std::clamp<std::int64_t>(count, 2, std::max<std::int64_t>(2, whole / 2 * 2));
  EvaluationSet set;
  set.length = corpus.train().seq_length();
  set.tokens.resize(static_cast<std::size_t>(count * (set.length + 1)));
  for (std::int64_t i = 0; i < count; ++i)
    corpus.train().read(sampler(static_cast<std::uint64_t>(i)), set.tokens.data() + i * (set.length + 1));
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
