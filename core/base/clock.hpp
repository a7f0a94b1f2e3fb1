// Clocks: monotonic time for durations, wall time for stamps.
// Gives: monotonic_seconds(), wall_seconds(), local_time_stamp(), Stopwatch.
#pragma once

#include <string>

namespace sluice {

/// Seconds on a clock that never jumps; only differences mean something.
double monotonic_seconds();

/// Seconds since 1970 (UTC), with fractions.
double wall_seconds();

/// Formats a time (seconds since 1970, UTC) in the local time zone, e.g. "2026-11-23 22:04:05".
std::string local_time_stamp(double wall_seconds);

/// Measures the seconds since it was constructed or restarted.
class Stopwatch {
 public:
  double seconds() const { return monotonic_seconds() - start_; }
  void restart() { start_ = monotonic_seconds(); }

 private:
  double start_ = monotonic_seconds();
};

}  // namespace sluice
