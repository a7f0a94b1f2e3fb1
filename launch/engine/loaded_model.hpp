// A model opened for use by a command: weights, tokenizer, and where it came from.
#pragma once

#include "data/tokenizer.hpp"
#include "parallel/comm/world.hpp"
#include "recipes/convert/model_description.hpp"
#include "recipes/stages/layout.hpp"
#include "recipes/stages/train_model.hpp"

#include <filesystem>
#include <string>

namespace sluice {

struct LoadedModel {
  std::filesystem::path folder, run;
  std::string stage;  // that it ends or lies in, of our checkpoints
  recipes::ModelDescription description;
  recipes::TrainModel model;
  data::TokenizerPtr tokenizer;  // null if the folder has none
};

/// Collective. `name`: RUN, RUN@STEP, a checkpoint or a Hugging Face folder. Every rank of `layout` loads what it holds; with
/// `needs_tokenizer`, data error if there is none. A run may go on meanwhile: nothing is read of the folder afterwards.
LoadedModel load_model(parallel::World& world, const std::string& name, const recipes::Layout& layout, bool needs_tokenizer);

/// Warns, on one rank, if `what` reaches further than the `positions` that the model was trained on (max_position_embeddings).
void warn_of_untrained_positions(const LoadedModel& loaded, const recipes::Layout& layout, std::int64_t positions, const std::string& what);

/// Collective, and `is_finite` the same on every rank: if the model's `what` ("loss", "prediction") is not finite, diverged_error (exit 5) that
/// names the first weight that is not.
void require_finite(bool is_finite, const char* what, LoadedModel& loaded, const recipes::Layout& layout);

}  // namespace sluice
