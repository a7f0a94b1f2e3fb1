// Learning rate as a pure function of the step within a horizon.
#pragma once

#include "core/base/enum_names.hpp"

#include <cstdint>

namespace sluice {

/// What follows the warm-up: the peak until the end (kConstant), a straight line from the peak to the minimum (kLinear), half a cosine from
/// the peak to the minimum (kCosine), or warmup-stable-decay (kWsd): the peak, and then a straight line to the minimum over the last part
/// of the horizon.
enum class LrShape { kConstant, kLinear, kCosine, kWsd };
inline constexpr EnumName<LrShape> kLrShapeNames[] = {
    {LrShape::kConstant, "constant"}, {LrShape::kLinear, "linear"}, {LrShape::kCosine, "cosine"}, {LrShape::kWsd, "wsd"}};
constexpr std::span<const EnumName<LrShape>> names_of(LrShape) { return kLrShapeNames; }

struct LrSchedule {
  LrShape shape = LrShape::kConstant;
  double peak = 1e-3;
  double minimum = 0.0;
  std::int64_t warmup_steps = 0;
  std::int64_t total_steps = 0;  // the horizon, warm-up included
  double decay_fraction = 0.2;   // kWsd only: the part of the horizon that falls

  /// Returns the rate of step number `step`, counted from 0. In the warm-up it is peak * (step + 1) / warmup_steps. In the falling part it
  /// depends on the progress p = (step + 1 - decay_begin()) / (total_steps - decay_begin()), so that step total_steps - 1 has the rate
  /// `minimum`. Later steps have that rate too (with kConstant: the peak).
  double at(std::int64_t step) const;

  /// Returns the first step of the falling part. It is total_steps or later if nothing falls. With kWsd the last decay_fraction of the
  /// horizon falls, rounded to whole steps, but never a step of the warm-up.
  std::int64_t decay_begin() const;

  bool operator==(const LrSchedule&) const = default;
};

}  // namespace sluice
