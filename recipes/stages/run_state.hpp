// Where a run stands: the content of state/run.json in a checkpoint. (Tensors of the state are in other files.)
#pragma once

#include "recipes/run/balance_window.hpp"

#include <cstdint>
#include <map>
#include <set>
#include <string>

namespace sluice::recipes {

/// What the bits of a result depend on, besides the program and the layout. The fields are "" in checkpoints of earlier versions.
struct ComputedWith {
  std::string instruction_set;    // that our kernels use on all ranks: "avx512"
  std::string library;            // LibTorch's instruction set and the processors: "AVX512 on AMD EPYC"; several if ranks differ
  std::string bfloat16_products;  // "native" or "float32" in a bfloat16 run; else ""
  std::string operations;         // "composed" if operations run on their composed forms; "" if they run on kernels
  std::string device;             // NVIDIA cards and the libraries that their bits depend on; "" if the CPU computes
  std::string libtorch;           // its version: "2.13.0"

  bool operator==(const ComputedWith&) const = default;
};

struct RunState {
  std::int64_t step = 0;   // optimizer steps finished, over all stages
  std::int64_t stage = 0;  // index of the stage that `step` belongs to
  std::string stage_name;
  std::int64_t stage_step = 0;       // steps finished in that stage
  std::int64_t optimizer_steps = 0;  // steps of the optimizer, and updates of each leaf that is not in the two maps below
  // Leaves with another number of updates (the exponent of Adam's bias correction). leaf_updates: leaf -> its number. slice_updates: leaf
  // -> the dimension along which it has a number for each slice; state/optimizer holds these numbers as updates/NAME. Both are empty in
  // checkpoints of earlier versions.
  std::map<std::string, std::int64_t> leaf_updates, slice_updates;
  std::set<std::string> frozen;  // leaves that are not trained: the optimizer holds nothing of them
  /// The number of samples used so far by all ranks together, counted over the whole run: the global index of the next sample. A stage with
  /// another batch size begins at the next multiple of it, and the samples that this skips count as used.
  std::int64_t consumed_samples = 0;
  std::int64_t consumed_tokens = 0;
  double elapsed_seconds = 0.0;  // of training, evaluation and saving, over all starts
  std::uint64_t seed = 0;
  std::map<std::string, std::string> corpus_fingerprints;  // by stage name: data::CorpusFingerprint::to_json()
  std::string tokenizer_sha256;
  bool has_lagged_counts = false;       // the state holds the routing counts of the last step
  bool bias_by_rows = false;            // moe::Router::bias_by_rows; false in checkpoints of versions that did not have it
  BalanceWindow window;                 // the window of expert loads so far; empty in checkpoints of versions that had none
  std::int64_t held_choices_step = -1;  // the step at which TrainModel::held_choices were taken; -1: not known
  // The layout that wrote the checkpoint. The same layout continues bit for bit; every other can load it too.
  std::int64_t ranks = 1, expert = 1;
  ComputedWith computed_with;

  bool operator==(const RunState&) const = default;
};

std::string to_json(const RunState& state);
/// Data error naming `file` and the key.
RunState parse_run_state(const std::string& text, const std::string& file);

}  // namespace sluice::recipes
