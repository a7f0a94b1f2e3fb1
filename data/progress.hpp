// How the one process that reads a corpus tells its progress while the others wait; its caller turns this into heartbeats.
#pragma once

#include "core/base/clock.hpp"

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace sluice::data {

struct Progress {
  std::string_view activity;  // "hashing", "tokenizing", "checking", "comparing", "learning merges", …
  std::string_view source;    // as the recipe names it; may be empty
  std::uint64_t done = 0;
  std::uint64_t total = 0;          // 0: unknown
  std::string_view unit = "bytes";  // of done and total; bytes are those on disk
};

/// Called about once a megabyte or twice a second, from the thread that called the function of data/, so it should be cheap. May be empty.
using ProgressCallback = std::function<void(const Progress&)>;

/// Paces the progress of loops whose rounds take anything from a microsecond to seconds.
class ProgressPace {
 public:
  /// True at most twice a second.
  bool due() {
    if (watch_.seconds() < 0.5) return false;
    watch_.restart();
    return true;
  }

 private:
  Stopwatch watch_;
};

}  // namespace sluice::data
