// Which device each rank computes on. All ranks decide it from what each of them found, so that they agree, in choices and in errors.
// Gives: RankDevice, find_rank_device(), DeviceChoice, choose_device(), use_device().
#pragma once

#include "core/base/device.hpp"
#include "core/tensor/cuda_device.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace sluice::recipes {

/// What one rank finds of NVIDIA devices.
struct RankDevice {
  bool built = false;                    // its program was built for CUDA
  std::int64_t index = -1;               // the device that it takes: its number on the node modulo the visible devices; -1: there is none
  std::string why_none;                  // why there is none, as a clause
  CudaDevice device;                     // the one that it takes
  bool has_code = false;                 // the program's kernels were compiled for that device
  std::string architectures, libraries;  // as in CudaDevices
  std::string driver;                    // "driver 580.65.06 for CUDA 13.0"

  bool operator==(const RankDevice&) const = default;
};

/// The device of the rank that is number `local_rank` on its node.
RankDevice find_rank_device(const CudaDevices& found, int local_rank);

/// What all ranks compute on; the same on every rank.
struct DeviceChoice {
  Device kind = Device::kCpu;  // never kAuto
  std::string text;            // for the header: "cuda, NVIDIA H200 (140 GB, 9.0), one a rank", or "cpu"
  std::string stored;          // what a checkpoint keeps: cards and libraries that bits depend on; "" on the CPU
};

/// `wanted` is the recipe's device, or what a command's --device asks for; `before` what the checkpoint was computed on that a run goes on
/// from, kAuto if there is none: then a device is taken if every rank has one that it can use, else the CPU. Usage error (exit 2) with one
/// line, naming rank and host, if a device is asked for that a rank does not have or has no code for, or if the ranks' cards differ in
/// compute capability and mixed_devices is false. hosts and devices are by rank.
DeviceChoice choose_device(Device wanted, bool mixed_devices, const std::vector<std::string>& hosts, const std::vector<RankDevice>& devices,
                           Device before = Device::kAuto);

/// Returns what a rank that found `own` computes on by that choice, and makes it the current device.
at::Device use_device(const DeviceChoice& choice, const RankDevice& own);

}  // namespace sluice::recipes
