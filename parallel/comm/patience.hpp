// How long the communication thread polls without sleeping, and how long it sleeps between polls after that. Bytes in transit
// move only while MPI is polled, so an operation that moves many of them is polled often for as long as they may take; but a
// core spins for a millisecond at most, whatever the size, since others compute on it.
#pragma once

#include <algorithm>

namespace sluice::parallel {

struct Patience {
  double spin_seconds;
  double eager_seconds;
};

inline Patience patience_for(double bytes) {
  return {std::min(400e-6 + bytes / 1e9, 1e-3), 20e-3 + bytes / 50e6};
}

inline double sleep_seconds(double idle_seconds, const Patience& patience) {
  if (idle_seconds < patience.spin_seconds) return 20e-6;  // sleeping instead of spinning: the core is busy
  if (idle_seconds < patience.eager_seconds) return 50e-6;
  // Proportional: a wait grows by at most a tenth, and a long one costs next to nothing.
  return std::clamp((idle_seconds - patience.eager_seconds) / 10, 100e-6, 2e-3);
}

}  // namespace sluice::parallel
