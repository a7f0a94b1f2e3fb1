// Writes a checkpoint with all ranks together. Each file is written by one rank, which receives its tensors one at a time from the ranks
// that hold them, so no rank has to gather the whole model. The names of files, and which tensors are in which, depend on the model alone.
#pragma once

#include "recipes/stages/model_io.hpp"
#include "recipes/stages/run_state.hpp"

#include "data/tokenizer.hpp"
#include "parallel/comm/world.hpp"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace sluice::recipes {

/// One of the models of a run, and where its training stands.
struct ModelToSave {
  TrainModel& model;
  const Layout& layout;
  RunState state;
};

struct SaveRequest {
  std::filesystem::path checkpoints;  // RUN/checkpoints
  const data::Tokenizer* tokenizer = nullptr;
  std::int64_t keep = 3;
  std::string receipts;             // on rank 0: the content of the run's receipts.jsonl, of which state/ gets a copy
  std::function<void()> sync_logs;  // called on rank 0 before the checkpoint counts, so that after a power loss no log ends before it
  std::uint64_t max_file_bytes = 5'000'000'000;
};

/// Collective. Writes the models of a run, all of one step and stage, as one checkpoint: whole or not at all. A model without a name is
/// the checkpoint's folder itself, one with a name a folder of that name in it. Returns the checkpoint's path on every rank. If any
/// rank cannot write (a full disk), every rank throws an AgreedError (exit 3) naming rank, file and reason; the last good checkpoint
/// stays as it was.
std::filesystem::path save_checkpoint(parallel::World& world, const std::vector<ModelToSave>& models, const SaveRequest& request);

}  // namespace sluice::recipes
