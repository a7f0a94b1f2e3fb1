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
  std::string stage;  // of a checkpoint of ours: the stage that its step belongs to; else ""
  recipes::ModelDescription description;
  recipes::TrainModel model;
  data::TokenizerPtr tokenizer;  // null if the folder has none
};

/// Collective. `name` is RUN, RUN@STEP, a checkpoint or a Hugging Face folder. Every rank of `layout` loads the weights it holds, onto
/// `device`. Data error if `needs_tokenizer` and there is none. The folder is not needed afterwards: a run that goes on may remove its
/// checkpoint.
LoadedModel load_model(parallel::World& world, const std::string& name, const recipes::Layout& layout, at::Device device,
                       bool needs_tokenizer);

/// Warns, on rank 0, if `positions` is more than the model was trained on (max_position_embeddings). `what` names, in the plural, what has
/// so many positions.
void warn_of_untrained_positions(const LoadedModel& loaded, const recipes::Layout& layout, std::int64_t positions, const std::string& what);

/// Collective; `is_finite` must be the same on every rank. Unless it is true, throws diverged_error (exit 5), which says that the model's
/// `what` ("loss", "prediction") is not finite and names the first weight that is not finite, if there is one.
void require_finite(bool is_finite, const char* what, LoadedModel& loaded, const recipes::Layout& layout);

}  // namespace sluice
