// The tokenizer and the corpora of a run: rank 0 makes them, all ranks open them.
#pragma once

#include "data/corpus.hpp"
#include "parallel/comm/world.hpp"
#include "recipes/run/run_directory.hpp"
#include "recipes/schema/recipe.hpp"
#include "recipes/stages/evaluation.hpp"

#include <filesystem>
#include <memory>
#include <set>
#include <string>

namespace sluice::recipes {

/// Collective. The run's tokenizer. If the run goes on from `checkpoint`, it is RUN/tokenizer.json, which is restored from the checkpoint
/// if it cannot be read. For a new run (`checkpoint` "") it is `inherited` (that of init_from) or, if that is null, the recipe's (trained
/// on its text, bytes, or a file), and is stored in the run. `threads` is the number of threads of a rank.
data::TokenizerPtr open_tokenizer(parallel::World& world, const Recipe& recipe, const RunDirectory& run,
                                  const data::TokenizerPtr& inherited, int threads, const std::filesystem::path& checkpoint);

/// Collective. The corpus of a stage. Token caches lie beside the runs (.cache/tokens), keyed by content, so that runs on the same text
/// share them. Warnings that are not in `told` are printed and added to it, so that stages that read the same text print them once. Errors
/// are those of data::prepare_corpus and data::Corpus.
std::shared_ptr<const data::Corpus> open_corpus(parallel::World& world, const Stage& stage, const RunDirectory& run,
                                                data::TokenizerPtr tokenizer, int threads, std::set<std::string>& told);

/// The evaluation windows of a corpus, read into memory; without validation text, up to 8 windows of the training text.
EvaluationSet load_evaluation(const data::Corpus& corpus, const data::TokenizerPtr& tokenizer);
/// The first `count` samples of the order in which a run trains on the corpus. `count` should be even; it is cut to the largest even number
/// of samples in an epoch, but is at least 2.
EvaluationSet training_sequences(const data::Corpus& corpus, std::uint64_t seed, std::int64_t global_batch_size, std::int64_t count);
/// The held batch of receipts: the first sequences of `evaluation`, at most 4, and few enough that their logits fit in 128 MiB of float32
/// (but at least one).
EvaluationSet held_batch(const EvaluationSet& evaluation, std::int64_t vocab_size);

}  // namespace sluice::recipes
