// Maps a global sample index to a window. It is a pure function of (seed, index, sources) without running state, so any rank can compute
// any sample at any time, and the global order is the same on every layout.
//
// shuffled: an epoch takes quota_s = max(1, round(weight_s · windows_s)) samples of each source s, in a pseudo-random order of all of them
//   (random_permutation keyed by seed and epoch). A window of weight 1 is seen once an epoch, of weight 2 twice, of weight 0.5 every
//   second epoch: a weight scales how often a source's own text is seen, so cutting a source into several files changes nothing.
//   Within a source the k-th sample is element k mod windows of its pass k div windows, each pass a permutation of its own.
// contiguous: G = global_batch_size lanes of equal length L = total windows div G over the sources one after the other; sample i is
//   segment i div G of lane i mod G, and lanes start again after L segments (an epoch is L·G samples). Weights must be 1.
#pragma once

#include "data/dataset.hpp"
#include "data/text_choices.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace sluice::data {

/// Samples [begin, end).
struct SampleRange {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
};

/// The samples of `step` that rank r of W takes: [s·G + r·G/W, s·G + (r+1)·G/W). Usage error if W does not divide G.
SampleRange shard_of_step(std::uint64_t step, std::int64_t global_batch_size, int rank, int world_size);

class Sampler {
 public:
  /// `windows` and `weights` per source. Usage error for weights that are not positive, absurdly large or, when contiguous, not 1;
  /// data error if a contiguous order has fewer windows than lanes.
  Sampler(Order order, std::uint64_t seed, std::int64_t global_batch_size, std::vector<std::uint64_t> windows, std::vector<double> weights);

  /// The window of the sample with global index `sample`.
  WindowId operator()(std::uint64_t sample) const;
  std::uint64_t samples_per_epoch() const { return samples_per_epoch_; }

 private:
  WindowId shuffled(std::uint64_t sample) const;
  WindowId contiguous(std::uint64_t sample) const;

  Order order_;
  std::uint64_t seed_;
  std::uint64_t lanes_;
  std::vector<std::uint64_t> windows_;
  std::vector<std::uint64_t> quotas_;  // samples of each source in an epoch (shuffled)
  std::vector<std::uint64_t> ends_;    // running sum of quotas (shuffled) or windows (contiguous)
  std::uint64_t samples_per_epoch_ = 0;
};

}  // namespace sluice::data
