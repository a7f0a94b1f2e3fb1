#include "core/optim/lr_schedule.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace sluice {

double LrSchedule::at(std::int64_t step) const {
  if (step < warmup_steps) return peak * static_cast<double>(step + 1) / static_cast<double>(warmup_steps);
  // Progress in (0, 1] over the falling part; the last step of the horizon reaches the minimum.
  const auto progress = [&](std::int64_t begin) {
    const double length = static_cast<double>(std::max<std::int64_t>(1, total_steps - begin));
    return std::clamp(static_cast<double>(step + 1 - begin) / length, 0.0, 1.0);
  };
  switch (shape) {
    case LrShape::kConstant: return peak;
    case LrShape::kLinear: return peak + (minimum - peak) * progress(warmup_steps);
    case LrShape::kCosine: return minimum + (peak - minimum) * 0.5 * (1.0 + std::cos(std::numbers::pi * progress(warmup_steps)));
    case LrShape::kWsd: {
      const auto decay = static_cast<std::int64_t>(std::llround(decay_fraction * static_cast<double>(total_steps)));
      const std::int64_t begin = std::max(warmup_steps, total_steps - decay);
      return step < begin ? peak : peak + (minimum - peak) * progress(begin);
    }
  }
  return peak;
}

}  // namespace sluice
