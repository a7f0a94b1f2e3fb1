#include "data/sampler.hpp"

#include "core/base/error.hpp"
#include "core/base/random.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

namespace sluice::data {

SampleRange shard_of_step(std::uint64_t step, std::int64_t global_batch_size, int rank, int world_size) {
  if (global_batch_size <= 0 || world_size <= 0 || global_batch_size % world_size != 0)
    throw usage_error("global_batch_size({}) is not a multiple of {} ranks", global_batch_size, world_size);
  const auto local = static_cast<std::uint64_t>(global_batch_size / world_size);
  const std::uint64_t begin = step * static_cast<std::uint64_t>(global_batch_size) + static_cast<std::uint64_t>(rank) * local;
  return {begin, begin + local};
}

Sampler::Sampler(Order order, std::uint64_t seed, std::int64_t global_batch_size, std::vector<std::uint64_t> windows,
                 std::vector<double> weights)
    : order_(order), seed_(seed), lanes_(static_cast<std::uint64_t>(global_batch_size)), windows_(std::move(windows)) {
  if (global_batch_size <= 0) throw usage_error("global_batch_size({}) must be positive", global_batch_size);
  const std::uint64_t total = std::accumulate(windows_.begin(), windows_.end(), std::uint64_t{0});
  for (std::size_t s = 0; s < windows_.size(); ++s) {
    const double weight = weights.at(s);
    // Above 2^62 samples an epoch could not be numbered.
    if (!(weight > 0.0) || !(weight * static_cast<double>(windows_[s]) < 0x1p62))
      throw usage_error("data.train[{}].weight({}) must be a positive number of reasonable size", s, weight);
    if (order == Order::kContiguous && weight != 1.0)
      throw usage_error("data.train[{}].weight({}): order: contiguous reads each source once in its own order; leave the weights at 1", s,
                        weight);
    quotas_.push_back(std::max<std::uint64_t>(1, static_cast<std::uint64_t>(std::llround(weight * static_cast<double>(windows_[s])))));
  }
  const auto& counts = order == Order::kShuffled ? quotas_ : windows_;
  ends_.resize(counts.size());
  std::partial_sum(counts.begin(), counts.end(), ends_.begin());
  if (order == Order::kShuffled) {
    samples_per_epoch_ = ends_.empty() ? 0 : ends_.back();
  } else {
    samples_per_epoch_ = total / lanes_ * lanes_;
    if (samples_per_epoch_ == 0)
      throw data_error(
          "order: contiguous needs a window for each of global_batch_size({}) lanes, the training text has {}; use more text, a "
          "shorter seq_length or a smaller batch",
          lanes_, total);
  }
  if (samples_per_epoch_ == 0) throw data_error("the training text has no window to sample from");
}

WindowId Sampler::operator()(std::uint64_t sample) const { return order_ == Order::kShuffled ? shuffled(sample) : contiguous(sample); }

WindowId Sampler::shuffled(std::uint64_t sample) const {
  const std::uint64_t epoch = sample / samples_per_epoch_;
  const std::uint64_t key = random_key(seed_, fmt::format("data.epoch.{}", epoch));
  const std::uint64_t place = random_permutation(key, samples_per_epoch_, sample % samples_per_epoch_);
  const auto source = static_cast<std::size_t>(std::upper_bound(ends_.begin(), ends_.end(), place) - ends_.begin());
  const std::uint64_t ordinal = epoch * quotas_[source] + (place - (ends_[source] - quotas_[source]));
  const std::uint64_t pass = ordinal / windows_[source];
  const std::uint64_t pass_key = random_key(seed_, fmt::format("data.source.{}.pass.{}", source, pass));
  return {source, random_permutation(pass_key, windows_[source], ordinal % windows_[source])};
}

WindowId Sampler::contiguous(std::uint64_t sample) const {
  const std::uint64_t length = samples_per_epoch_ / lanes_;
  const std::uint64_t index = sample % lanes_ * length + sample / lanes_ % length;
  const auto source = static_cast<std::size_t>(std::upper_bound(ends_.begin(), ends_.end(), index) - ends_.begin());
  return {source, index - (ends_[source] - windows_[source])};
}

}  // namespace sluice::data
