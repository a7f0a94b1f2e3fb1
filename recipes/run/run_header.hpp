// The lines that a run prints before it starts, and before each of its stages.
// Gives: RunHeader, StageLine, format_run_header(), StageBanner, format_stage_banner(), log_lines().
#pragma once

#include "recipes/run/memory_estimate.hpp"
#include "recipes/schema/recipe.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace sluice::recipes {

struct StageLine {
  std::string name;
  StageType type = StageType::kPretrain;
  std::optional<moe::ConversionKind> conversion = {};
  std::int64_t steps = 0;
  std::int64_t tokens = 0;             // trained on in all its steps
  std::int64_t parameters = 0;         // after its conversion
  std::int64_t active_parameters = 0;  // those that one token uses
  std::string shape;                   // "16 experts, top-2, families of 2"; "" while dense
};

struct RunHeader {
  std::string name;
  std::string directory;
  std::int64_t resumed_step = -1;  // -1: a new run
  std::string model;               // "6 layers, width 256, 8 heads (4 key/value), vocabulary 4,096"
  std::string device;              // "cpu"
  std::string dtype;
  std::vector<StageLine> stages;
  // mesh
  int ranks = 1;
  int nodes = 1;
  std::int64_t expert = 1;
  std::int64_t threads = 1;  // of each rank
  std::string backend;
  std::string exchange;   // "local" or "flat", as chosen
  std::string processor;  // "kernels avx512, LibTorch AVX512 on AMD EPYC"; "" if not known
  // batch of the first stage
  std::int64_t global_batch_size = 1;
  std::int64_t micro_batch_size = 1;  // as used, at most the recipe's
  std::int64_t accumulation = 1;
  std::int64_t seq_length = 1;
  std::string data;                                // "7 files, 39.8 MB of text, 9.9M tokens, vocabulary 4096"; "" if not known yet
  std::vector<std::string> later_data;             // of stages with other training text: "stage 'wide': 2 files, ..."
  std::string validation;                          // "64 sequences of 256, of the 1024 there are"; "" if there is none
  std::string products;                            // how a GPU multiplies, and what it is waited for; "" on the CPU
  std::string device_memory;                       // "139.8 GiB, 0.6 GiB of them taken by driver and libraries"; "" on the CPU
  std::vector<std::string> recompute;              // by stage that recomputes: "stage 'sparse': layer, ..."
  MemoryEstimate memory;                           // of the stage that needs most, one rank
  std::optional<double> balance_prepass_fraction;  // extra pass that collects routing / forward and backward time; absent if not needed
};

std::vector<std::string> format_run_header(const RunHeader& header);

struct StageBanner {
  StageLine stage;
  std::int64_t first_step = 0;  // trains first_step+1 .. last_step
  std::int64_t last_step = 0;
  std::int64_t number = 1;  // of count
  std::int64_t count = 1;
};

std::string format_stage_banner(const StageBanner& banner);

/// Prints each line as information.
void log_lines(const std::vector<std::string>& lines);

}  // namespace sluice::recipes
