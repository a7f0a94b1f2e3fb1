// What computes, as users name it in recipes and on the command line.
#pragma once

#include "core/base/enum_names.hpp"

namespace sluice {

/// kAuto: an NVIDIA GPU where every rank has one that it can use, else the CPU.
enum class Device { kAuto, kCpu, kCuda };
inline constexpr EnumName<Device> kDeviceNames[] = {{Device::kAuto, "auto"}, {Device::kCpu, "cpu"}, {Device::kCuda, "cuda"}};
constexpr std::span<const EnumName<Device>> names_of(Device) { return kDeviceNames; }

}  // namespace sluice
