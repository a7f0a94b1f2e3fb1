// Tokenizer and corpora of a run: made by rank 0, opened by all.
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

/// Collective. The run's tokenizer: of a run that goes on from `checkpoint` RUN/tokenizer.json, restored from there if it cannot be read;
/// else ("") the recipe's (trained on its text, bytes, or a file) or `inherited` (of init_from, null for none), kept in the run.
/// `threads`: of a rank.
data::TokenizerPtr open_tokenizer(parallel::World& world, const Recipe& recipe, const RunDirectory& run, const data::TokenizerPtr& inherited, int threads,
                                  const std::filesystem::path& checkpoint);

/// Collective. Token caches live beside the runs, keyed by content, so that runs on the same text share them.
/// What there is to warn of is told unless it is in `told` (of stages that read the same text), and added to it.
/// Data error if the text does not hold one batch of the stage.
std::shared_ptr<const data::Corpus> open_corpus(parallel::World& world, const Stage& stage, const RunDirectory& run, data::TokenizerPtr tokenizer, int threads,
                                                std::set<std::string>& told);

/// The evaluation windows of a corpus in memory; without validation text, windows of the training text.
EvaluationSet load_evaluation(const data::Corpus& corpus, const data::TokenizerPtr& tokenizer);
/// The first `count` samples (an even number, no more than there are) of the order in which a run trains on the corpus.
EvaluationSet training_sequences(const data::Corpus& corpus, std::uint64_t seed, std::int64_t global_batch_size, std::int64_t count);
/// The first sequences of it, few enough that their logits fit in 128 MiB of float32.
EvaluationSet held_batch(const EvaluationSet& evaluation, std::int64_t vocab_size);

}  // namespace sluice::recipes
