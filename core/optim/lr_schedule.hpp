// Learning rate as a pure function of the step within a horizon.
#pragma once

#include "core/base/enum_names.hpp"

#include <cstdint>

namespace sluice {

enum class LrShape { kConstant, kLinear, kCosine, kWsd };
inline constexpr EnumName<LrShape> kLrShapeNames[] = {
    {LrShape::kConstant, "constant"}, {LrShape::kLinear, "linear"}, {LrShape::kCosine, "cosine"}, {LrShape::kWsd, "wsd"}};
constexpr std::span<const EnumName<LrShape>> names_of(LrShape) { return kLrShapeNames; }

struct LrSchedule {
  LrShape shape = LrShape::kConstant;
  double peak = 1e-3;
  double minimum = 0.0;
  std::int64_t warmup_steps = 0;
  std::int64_t total_steps = 0;  // the horizon
  double decay_fraction = 0.2;   // wsd: the last part of the horizon, linear to `minimum`

  /// Rate of step `step` (0-based): linear warm-up to the peak over warmup_steps, then the shape.
  double at(std::int64_t step) const;

  /// The first step of the falling part; total_steps or later if nothing falls.
  std::int64_t decay_begin() const;

  bool operator==(const LrSchedule&) const = default;
};

}  // namespace sluice
