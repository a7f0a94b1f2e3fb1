// What the one process that reads a corpus says while the others wait: the caller makes a heartbeat of it.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace sluice::data {

struct Progress {
  std::string_view activity;  // "hashing", "tokenizing", "checking", "waiting"
  std::string_view source;    // as the recipe names it
  std::uint64_t done = 0;     // bytes on disk
  std::uint64_t total = 0;    // 0: unknown
};

/// Called from the thread that called the data room, about once a megabyte; cheap calls are the caller's business. May be empty.
using ProgressCallback = std::function<void(const Progress&)>;

}  // namespace sluice::data
