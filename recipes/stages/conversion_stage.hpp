// The conversion at the start of a stage, with its receipts.
#pragma once

#include "recipes/run/receipts.hpp"
#include "recipes/schema/recipe.hpp"
#include "recipes/stages/evaluation.hpp"
#include "recipes/stages/layout.hpp"
#include "recipes/stages/train_model.hpp"

#include <vector>

namespace sluice::recipes {

struct ConversionOutcome {
  TrainModel model;
  std::vector<Receipt> receipts;  // of the conversion itself, then of noise, re-initialisation or parting of replicas
};

/// What a conversion looks at, the same on every rank.
struct ConversionText {
  const EvaluationSet& held;       // before and after
  const EvaluationSet& sequences;  // of the training text: the first half chooses balanced router rows, the second tells the experts' load
};

/// Collective. Converts `old` (which keeps its values) for stage `stage` of the recipe, evaluating the held batch before and after. The
/// caller judges and stores the receipts, whose numbers are rank 0's on every rank. `step`: steps finished. Diverged error (exit 5) on
/// every rank if flatten finds no finite loss.
ConversionOutcome run_conversion(parallel::World& world, TrainModel& old, const Recipe& recipe, std::size_t stage, const Layout& layout,
                                 const ConversionText& text, std::int64_t step);

}  // namespace sluice::recipes
