// How long the communication thread polls without sleeping, and how long it sleeps between polls after that. MPI moves bytes only while it
// is polled, so large operations are polled often for as long as their bytes may take. But the thread polls without sleeping for a
// millisecond at most, whatever the size, since other threads compute on its core.
#pragma once

#include <algorithm>

namespace sluice::parallel {

/// Limits on the time since an operation last completed or started, in seconds.
struct Patience {
  double spin_seconds;   // until then the thread polls without sleeping
  double eager_seconds;  // until then it sleeps 50 microseconds between polls; after that longer and longer
};

/// The limits for operations under way that send and receive `bytes` bytes together.
inline Patience patience_for(double bytes) {
  return {std::min(400e-6 + bytes / 1e9, 1e-3), 20e-3 + bytes / 50e6};
}

/// How long to sleep before the next poll, `idle_seconds` after an operation last completed or started.
inline double sleep_seconds(double idle_seconds, const Patience& patience) {
  if (idle_seconds < patience.spin_seconds) return 20e-6;  // sleeping instead of spinning: the core is busy
  if (idle_seconds < patience.eager_seconds) return 50e-6;
  // Proportional to the time waited so far: sleeping makes a wait at most a tenth longer, and a long wait uses hardly any processor time.
  return std::clamp((idle_seconds - patience.eager_seconds) / 10, 100e-6, 2e-3);
}

}  // namespace sluice::parallel
