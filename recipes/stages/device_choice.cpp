#include "recipes/stages/device_choice.hpp"

#include "core/base/cuda_answer.hpp"
#include "core/base/error.hpp"
#include "recipes/run/units.hpp"
#include "recipes/stages/rank_list.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <set>

namespace sluice::recipes {
namespace {

std::string capability(const CudaDevice& device) { return fmt::format("{}.{}", device.major, device.minor); }

std::string card(const CudaDevice& device) {
  return fmt::format("{} ({}, {})", device.name, human_bytes(static_cast<double>(device.bytes)), capability(device));
}

// Why rank `r` cannot compute on a device, as a clause after "rank 3 on node1"; "" if it can.
std::string why_not(const RankDevice& rank) {
  if (rank.index < 0) return fmt::format("has no device: {}", rank.why_none);
  if (rank.has_code) return "";
  return fmt::format(
      "has {} (compute capability {}), and this program's kernels were compiled for {}: build it anew with "
      "-DCMAKE_CUDA_ARCHITECTURES={}{}",
      rank.device.name, capability(rank.device), rank.architectures, rank.device.major, rank.device.minor);
}

// The first rank that cannot compute on a device, and why: "rank 1 on node0 has no device: ..."; "" if all can.
std::string first_without(const std::vector<std::string>& hosts, const std::vector<RankDevice>& devices) {
  for (std::size_t r = 0; r < devices.size(); ++r)
    if (const std::string why = why_not(devices[r]); !why.empty()) return fmt::format("rank {} on {} {}", r, hosts[r], why);
  return "";
}

// Two ranks with cards of different compute capability, as a clause; "" if there are none.
std::string mixed_cards(const std::vector<std::string>& hosts, const std::vector<RankDevice>& devices) {
  const auto text = [&](std::size_t r) {
    return fmt::format("rank {} on {} has {} (compute capability {})", r, hosts[r], devices[r].device.name, capability(devices[r].device));
  };
  for (std::size_t r = 1; r < devices.size(); ++r)
    if (capability(devices[r].device) != capability(devices[0].device)) return text(0) + ", " + text(r);
  return "";
}

std::vector<int> all_ranks(std::size_t count) {
  std::vector<int> ranks(count);
  std::iota(ranks.begin(), ranks.end(), 0);
  return ranks;
}

// "NVIDIA H200 (140 GB, 9.0), one a rank"; which ranks have what, and which share one, if that is not all there is to say.
std::string describe_cards(const std::vector<std::string>& hosts, const std::vector<RankDevice>& devices) {
  std::vector<std::string> cards, uuids, parts;
  for (const RankDevice& rank : devices) {
    cards.push_back(card(rank.device));
    uuids.push_back(rank.device.uuid);
  }
  const auto kinds = group_ranks(all_ranks(devices.size()), cards);
  for (const auto& group : kinds)
    parts.push_back(kinds.size() == 1 ? group.value : fmt::format("{} ({})", group.value, list_ranks(group.ranks, hosts)));
  std::vector<std::string> shared;
  for (const auto& group : group_ranks(all_ranks(devices.size()), uuids))
    if (group.ranks.size() > 1) shared.push_back(fmt::format("{} share {}", list_ranks(group.ranks, hosts), group.value));
  const std::string who = shared.empty() ? "one a rank" : fmt::format("{}", fmt::join(shared, "; "));
  return fmt::format("{}; {}", fmt::join(parts, ", "), who);
}

// Cards and libraries, each named once.
std::string bits_depend_on(const std::vector<RankDevice>& devices) {
  std::set<std::string> cards, libraries;
  for (const RankDevice& rank : devices) {
    cards.insert(rank.device.name);
    libraries.insert(fmt::format("{}, {}", rank.libraries, rank.driver));
  }
  return fmt::format("{}; {}", fmt::join(cards, ", "), fmt::join(libraries, ", "));
}

}  // namespace

RankDevice find_rank_device(const CudaDevices& found, int local_rank) {
  RankDevice rank;
  rank.built = found.built;
  rank.why_none = found.why_none;
  rank.architectures = found.architectures;
  rank.driver = fmt::format("driver {}{}for CUDA {}", found.driver_release, found.driver_release.empty() ? "" : " ", found.driver);
  rank.libraries = found.libraries;
  if (found.visible.empty()) return rank;
  rank.index = local_rank % static_cast<std::int64_t>(found.visible.size());
  rank.device = found.visible[static_cast<std::size_t>(rank.index)];
  rank.has_code = has_code_for(found.architectures, rank.device.major, rank.device.minor);
  return rank;
}

DeviceChoice choose_device(Device wanted, bool mixed_devices, const std::vector<std::string>& hosts, const std::vector<RankDevice>& devices,
                           Device before) {
  const Device asked = wanted == Device::kAuto ? before : wanted;
  if (asked == Device::kCpu) return {Device::kCpu, "cpu", ""};
  const std::string missing = first_without(hosts, devices);
  std::string refused = missing;
  if (missing.empty() && !mixed_devices)
    if (const std::string mixed = mixed_cards(hosts, devices); !mixed.empty())
      refused = mixed + ": they round differently, so replicas may part; set parallel.mixed_devices: true to accept that";
  if (refused.empty()) return {Device::kCuda, "cuda, " + describe_cards(hosts, devices), bits_depend_on(devices)};
  if (wanted == Device::kCuda) throw usage_error("device: cuda, but {}", refused);
  if (before == Device::kCuda)
    throw usage_error("the run computes on cuda, which device: auto keeps, but {}; set device: cpu to go on there, with other bits",
                      refused);
  // That a program built without CUDA has no device is no news.
  const bool built = std::any_of(devices.begin(), devices.end(), [](const RankDevice& rank) { return rank.built; });
  return {Device::kCpu, built ? fmt::format("cpu ({})", refused) : "cpu", ""};
}

at::Device use_device(const DeviceChoice& choice, const RankDevice& own) {
  if (choice.kind == Device::kCpu) return at::kCPU;
  use_cuda_device(static_cast<int>(own.index));
  return {at::kCUDA, static_cast<c10::DeviceIndex>(own.index)};
}

}  // namespace sluice::recipes
