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
  std::vector<Receipt> receipts;  // the first is of the conversion itself; a second, if there is one, of the changes made after it
};

/// The text that a conversion uses, the same on every rank.
struct ConversionText {
  const EvaluationSet& held;       // the held batch, evaluated before and after
  const EvaluationSet& sequences;  // training text: balanced router rows are made on the first half, the load is measured on the second
};

/// Collective. Converts `old`, whose values stay as they are, for the recipe's stage with index `stage`; evaluates the held batch before
/// and after. The caller judges and stores the receipts; their numbers are those of rank 0 on every rank. `step` is the number of steps
/// finished. Diverged error (exit 5) on every rank if flatten finds no finite loss.
ConversionOutcome run_conversion(parallel::World& world, TrainModel& old, const Recipe& recipe, std::size_t stage, const Layout& layout,
                                 const ConversionText& text, std::int64_t step);

}  // namespace sluice::recipes
