#include "core/optim/lr_schedule.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace sluice {

std::int64_t LrSchedule::decay_begin() const {
  if (shape == LrShape::kConstant) return total_steps;
  if (shape != LrShape::kWsd) return warmup_steps;
  const auto decay = static_cast<std::int64_t>(std::llround(decay_fraction * static_cast<double>(total_steps)));
  return std::max(warmup_steps, total_steps - decay);
}

double LrSchedule::at(std::int64_t step) const {
  if (step < warmup_steps) return peak * static_cast<double>(step + 1) / static_cast<double>(warmup_steps);
  // Progress in (0, 1] over the falling part; the last step of the horizon reaches the minimum.
  const std::int64_t begin = decay_begin();
  const double length = static_cast<double>(std::max<std::int64_t>(1, total_steps - begin));
  const double progress = std::clamp(static_cast<double>(step + 1 - begin) / length, 0.0, 1.0);
  switch (shape) {
    case LrShape::kConstant: return peak;
    case LrShape::kLinear: return peak + (minimum - peak) * progress;
    case LrShape::kCosine: return minimum + (peak - minimum) * 0.5 * (1.0 + std::cos(std::numbers::pi * progress));
    case LrShape::kWsd: return step < begin ? peak : peak + (minimum - peak) * progress;
  }
  return peak;
}

}  // namespace sluice
