// The options of `sluice bench moe`, given as key=value words. One table (in the .cpp) serves both the reader and the help.
#pragma once

#include "core/base/dtype.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace sluice {

struct MoeBenchOptions {
  std::int64_t rows = 2048;  // tokens in a pass
  std::int64_t hidden_size = 256;
  std::int64_t expert_hidden_size = 512;
  std::vector<std::int64_t> num_experts = {16};
  std::int64_t top_k = 2;
  DType dtype = DType::kFloat32;
  std::int64_t threads = 0;  // 0: OMP_NUM_THREADS, else the cores
  std::int64_t repeats = 31;
  bool sweep = false;  // measure several numbers of experts; read_moe_bench() then fills num_experts with them
};

/// Reads "key=value" words into `options`. Returns one line that says what is wrong with them, or "" if nothing is.
std::string read_moe_bench(const std::vector<std::string>& words, MoeBenchOptions& options);

/// The keys with their meaning and default, one indented line each.
std::string describe_moe_bench();

}  // namespace sluice
