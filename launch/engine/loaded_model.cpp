#include "launch/engine/loaded_model.hpp"

#include "core/base/file_kind.hpp"
#include "core/base/log.hpp"
#include "core/checkpoint/manifest.hpp"
#include "core/tensor/dtype_map.hpp"
#include "data/load_tokenizer.hpp"
#include "recipes/convert/model_folder.hpp"
#include "recipes/stages/finite_check.hpp"
#include "recipes/stages/located_model.hpp"
#include "recipes/stages/model_io.hpp"
#include "recipes/stages/rank0.hpp"

namespace sluice {

LoadedModel load_model(parallel::World& world, const std::string& name, const recipes::Layout& layout, at::Device device,
                       bool needs_tokenizer) {
  LoadedModel loaded;
  recipes::ModelFolder folder;
  recipes::open_on_all_ranks(world, name, [&](const checkpoint::ModelLocation& location) {
    loaded.folder = location.path;
    loaded.run = location.run;
    if (location.step) loaded.stage = checkpoint::read_manifest(location.path).stage;
    folder = recipes::open_model_folder(location.path);
    const std::filesystem::path tokenizer = location.path / "tokenizer.json";
    require_no_dangling_link(tokenizer);
    loaded.tokenizer = std::filesystem::exists(tokenizer) ? data::load_tokenizer(tokenizer) : nullptr;
    if (needs_tokenizer && !loaded.tokenizer) throw data_error("{}: there is no tokenizer.json in it", location.path.string());
  });
  recipes::on_all_ranks(world, "loading the model", [&] {
    loaded.description = folder.config.model;
    loaded.model = recipes::build_model(loaded.description.decoder, loaded.description.moe, layout,
                                        at::TensorOptions(to_torch(loaded.description.dtype)).device(device), parallel::ExchangeKind::kAuto,
                                        recipes::ModelUse::kEvaluation);
    recipes::load_weights(loaded.model, folder);
  });
  return loaded;
}

void warn_of_untrained_positions(const LoadedModel& loaded, const recipes::Layout& layout, std::int64_t positions,
                                 const std::string& what) {
  const std::int64_t trained = loaded.description.decoder.max_position_embeddings;
  if (positions > trained && layout.rank() == 0)
    log_warning("{}: {} reach {} positions, but the model was trained on {} (max_position_embeddings): beyond, it may do badly",
                loaded.folder.string(), what, positions, trained);
}

void require_finite(bool is_finite, const char* what, LoadedModel& loaded, const recipes::Layout& layout) {
  if (is_finite) return;
  const std::string weight = recipes::first_non_finite_weight(loaded.model, layout, 0);
  if (weight.empty()) throw diverged_error("{}: its {} is not finite, although all its weights are", loaded.folder.string(), what);
  throw diverged_error("{}: its {} is not finite: nor are its weights, the first in {}", loaded.folder.string(), what, weight);
}

}  // namespace sluice
