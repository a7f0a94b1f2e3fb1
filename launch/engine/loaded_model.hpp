// A model opened for use by a command: weights, tokenizer, and where it came from.
#pragma once

#include "data/tokenizer.hpp"
#include "recipes/convert/model_description.hpp"
#include "recipes/stages/layout.hpp"
#include "recipes/stages/train_model.hpp"

#include <filesystem>
#include <string>

namespace sluice {

struct LoadedModel {
  std::filesystem::path folder, run;
  recipes::ModelDescription description;
  recipes::TrainModel model;
  data::TokenizerPtr tokenizer;  // null if the folder has none
};

/// `name`: RUN, RUN@STEP, a checkpoint or a Hugging Face folder. Every rank of `layout` loads what it holds.
LoadedModel load_model(const std::string& name, const recipes::Layout& layout);

}  // namespace sluice
