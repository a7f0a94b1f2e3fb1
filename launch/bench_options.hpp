// What `sluice bench moe` can be told with key=value words, and how they are read: one table for both the reader and the help.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace sluice {

struct MoeBenchOptions {
  std::int64_t rows = 2048;
  std::int64_t hidden_size = 256;
  std::int64_t expert_hidden_size = 512;
  std::vector<std::int64_t> num_experts = {16};
  std::int64_t top_k = 2;
  std::string dtype = "float32";
  std::int64_t threads = 0;  // 0: OMP_NUM_THREADS, else the cores
  std::int64_t repeats = 31;
  bool sweep = false;  // num_experts then holds what is swept over
};

/// Reads "key=value" words. Returns what is wrong with the first bad one, in one line, or "".
std::string read_moe_bench(const std::vector<std::string>& words, MoeBenchOptions& options);

/// The keys with their meaning and default, one indented line each.
std::string describe_moe_bench();

}  // namespace sluice
