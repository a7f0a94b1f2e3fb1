// A sound as it lies in memory. Gives: Sound.
#pragma once

#include <cstdint>
#include <vector>

namespace sluice::data {

/// One channel of samples, from -1 to 1 (as stored: what was recorded too loud may go beyond).
struct Sound {
  int sample_rate = 0;  // samples a second
  std::vector<float> samples;
  std::int64_t cut = 0;  // samples, at this rate, that the file has beyond these
};

}  // namespace sluice::data
