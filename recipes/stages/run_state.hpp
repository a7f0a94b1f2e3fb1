// Where a run stands: what state/run.json of a checkpoint holds besides tensors.
#pragma once

#include "recipes/run/balance_window.hpp"

#include <cstdint>
#include <map>
#include <set>
#include <string>

namespace sluice::recipes {

/// What digits depend on beside the layout: bits are promised per binary and these. "" each in checkpoints of earlier versions.
struct ComputedWith {
  std::string instruction_set;    // of our kernels, on all ranks: "avx512"
  std::string library;            // LibTorch's, and the processors: "AVX512 on AMD EPYC"; several if ranks differ
  std::string bfloat16_products;  // "native" or "float32" in a run of that type; "" else
  std::string operations;         // "composed" where they run on those forms; "" on kernels

  bool operator==(const ComputedWith&) const = default;
};

struct RunState {
  std::int64_t step = 0;              // optimizer steps finished, over all stages
  std::int64_t stage = 0;             // index of the stage this step belongs to
  std::string stage_name;
  std::int64_t stage_step = 0;        // steps finished in that stage
  std::int64_t optimizer_steps = 0;   // of the optimizer, and of each leaf that is not named in the two below
  // Exponents of Adam's bias correction that are others: of whole leaves, and the dimension along which a leaf has one for each slice
  // (state/optimizer holds those, as updates/NAME). Checkpoints from before there were any have neither.
  std::map<std::string, std::int64_t> leaf_updates, slice_updates;
  std::set<std::string> frozen;       // leaves that are not trained: the optimizer holds nothing of them
  std::int64_t consumed_samples = 0;  // global; the next sample's index
  std::int64_t consumed_tokens = 0;
  double elapsed_seconds = 0.0;       // of training, evaluation and saving, over all starts
  std::uint64_t seed = 0;
  std::map<std::string, std::string> corpus_fingerprints;  // by stage name; of data/, as text
  std::string tokenizer_sha256;
  bool has_lagged_counts = false;
  bool bias_by_rows = false;          // the routers' rule of that name; false in checkpoints from before it
  BalanceWindow window;               // so far; checkpoints from before there were any begin one
  std::int64_t held_choices_step = -1;  // when the model's held choices were taken (TrainModel); -1: not known
  // The layout that wrote it: the same one continues bit for bit. Loading never depends on it.
  std::int64_t ranks = 1, expert = 1;
  ComputedWith computed_with;

  bool operator==(const RunState&) const = default;
};

std::string to_json(const RunState& state);
/// Data error naming `file` and the key.
RunState parse_run_state(const std::string& text, const std::string& file);

}  // namespace sluice::recipes
