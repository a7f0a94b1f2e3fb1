#include "launch/engine/loaded_model.hpp"

#include "core/base/file_kind.hpp"
#include "core/base/log.hpp"
#include "core/checkpoint/model_location.hpp"
#include "core/tensor/dtype_map.hpp"
#include "data/load_tokenizer.hpp"
#include "recipes/convert/model_folder.hpp"
#include "recipes/stages/model_io.hpp"
#include "recipes/stages/training_step.hpp"

namespace sluice {

LoadedModel load_model(const std::string& name, const recipes::Layout& layout) {
  const checkpoint::ModelLocation location = checkpoint::locate_model(name);
  // All ranks read the same folder; one says what is odd about it.
  if (layout.rank() == 0)
    for (const std::string& warning : location.warnings) log_warning("{}", warning);
  LoadedModel loaded;
  loaded.folder = location.path;
  loaded.run = location.run;
  const recipes::ModelFolder folder = recipes::open_model_folder(location.path);
  loaded.description = folder.config.model;
  loaded.model = recipes::build_model(loaded.description.decoder, loaded.description.moe, layout, to_torch(loaded.description.dtype), "auto",
                                      recipes::ModelUse::kEvaluation);
  recipes::load_weights(loaded.model, folder);
  require_no_dangling_link(location.path / "tokenizer.json");
  if (std::filesystem::exists(location.path / "tokenizer.json")) loaded.tokenizer = data::load_tokenizer(location.path / "tokenizer.json");
  return loaded;
}

void warn_of_untrained_positions(const LoadedModel& loaded, const recipes::Layout& layout, std::int64_t positions, const std::string& what) {
  const std::int64_t trained = loaded.description.decoder.max_position_embeddings;
  if (positions > trained && layout.rank() == 0)
    log_warning("{}: {} reach {} positions, but the model was trained on {} (max_position_embeddings): beyond, it may do badly", loaded.folder.string(),
                what, positions, trained);
}

void require_finite(bool is_finite, const char* what, LoadedModel& loaded, const recipes::Layout& layout) {
  if (is_finite) return;
  const std::string weight = recipes::first_non_finite_weight(loaded.model, layout, 0);
  if (weight.empty()) throw diverged_error("{}: its {} is not finite, although all its weights are", loaded.folder.string(), what);
  throw diverged_error("{}: its {} is not finite: nor are its weights, the first in {}", loaded.folder.string(), what, weight);
}

}  // namespace sluice
