#include "recipes/stages/rank_abilities.hpp"

#include "core/base/processor.hpp"
#include "core/ops/backend.hpp"
#include "core/tensor/device_settings.hpp"
#include "core/tensor/dtype_map.hpp"
#include "recipes/stages/rank0.hpp"
#include "recipes/stages/rank_list.hpp"

#include <ATen/Version.h>
#include <fmt/format.h>
#include <torch/headeronly/version.h>

#include <algorithm>
#include <numeric>
#include <set>

namespace sluice::recipes {
namespace {

// The abilities of a rank in the form that is sent to the others.
struct Message {
  std::int64_t set = 0, native_bfloat16 = 0, avx512 = 0, composed = 0;
  char why_bfloat16[240] = {}, library[160] = {};
  std::int64_t built = 0, index = -1, has_code = 0, major = 0, minor = 0, bytes = 0;
  char why_none[320] = {}, name[96] = {}, uuid[48] = {}, architectures[96] = {}, driver[64] = {}, libraries[128] = {};
};

template <std::size_t N>
void put(const std::string& text, char (&to)[N]) {
  text.copy(to, N - 1);
}

void put(const RankDevice& device, Message& to) {
  to.built = device.built;
  to.index = device.index;
  to.has_code = device.has_code;
  to.major = device.device.major;
  to.minor = device.device.minor;
  to.bytes = device.device.bytes;
  put(device.why_none, to.why_none);
  put(device.device.name, to.name);
  put(device.device.uuid, to.uuid);
  put(device.architectures, to.architectures);
  put(device.driver, to.driver);
  put(device.libraries, to.libraries);
}

RankDevice device_of(const Message& m) {
  const CudaDevice device{m.name, m.uuid, static_cast<int>(m.major), static_cast<int>(m.minor), m.bytes};
  return {m.built != 0, m.index, m.why_none, device, m.has_code != 0, m.architectures, m.libraries, m.driver};
}

std::string library_of_this_rank() {
  const std::string& model = this_processor().model;
  return model.empty() ? at::get_cpu_capability() : fmt::format("{} on {}", at::get_cpu_capability(), model);
}

std::string products_of(bool native) { return native ? "native" : "in float32"; }

// "AVX2 (ranks 0-1 on a), AVX512 (rank 2 on b)" by what `of` gives of each rank.
template <class Of>
std::string who_has_what(const std::vector<RankAbilities>& ranks, const Of& of) {
  std::vector<int> all(ranks.size());
  std::iota(all.begin(), all.end(), 0);
  std::vector<std::string> values, hosts, parts;
  for (const RankAbilities& rank : ranks) {
    values.emplace_back(of(rank));
    hosts.push_back(rank.host);
  }
  for (const auto& group : group_ranks(all, values)) parts.push_back(fmt::format("{} ({})", group.value, list_ranks(group.ranks, hosts)));
  return fmt::format("{}", fmt::join(parts, ", "));
}

template <class Of>
bool all_alike(const std::vector<RankAbilities>& ranks, const Of& of) {
  return std::all_of(ranks.begin(), ranks.end(), [&](const RankAbilities& rank) { return of(rank) == of(ranks.front()); });
}

bool any_composed(const std::vector<RankAbilities>& ranks) {
  return std::any_of(ranks.begin(), ranks.end(), [](const RankAbilities& rank) { return rank.composed; });
}

std::string_view set_of(const RankAbilities& rank) { return kernels::name_of(rank.set); }
const std::string& library_of(const RankAbilities& rank) { return rank.library; }

}  // namespace

std::vector<RankAbilities> use_common_abilities(parallel::World& world, Device wanted) {
  Message mine;
  on_all_ranks(world, "processor", [&] {
    mine.set = static_cast<std::int64_t>(kernels::best_instruction_set());
    const Bfloat16Products products = best_bfloat16_products();
    mine.native_bfloat16 = products.native;
    mine.avx512 = this_processor().avx512;
    mine.composed = ops::environment_says_composed();
    put(products.why, mine.why_bfloat16);
    put(library_of_this_rank(), mine.library);
    if (wanted != Device::kCpu) put(find_rank_device(find_cuda_devices(), world.placement().local_rank), mine);
  });
  std::vector<Message> all(static_cast<std::size_t>(world.size()));
  world.world()->start_all_gather(&mine, all.data(), sizeof mine, {"processors", -1, "", "start"}).finish();
  std::vector<RankAbilities> ranks;
  for (std::size_t rank = 0; rank < all.size(); ++rank) {
    const Message& m = all[rank];
    const auto set = static_cast<kernels::InstructionSet>(m.set);
    ranks.push_back({world.placement().host_of_rank[rank], set, m.library, m.native_bfloat16 != 0, m.why_bfloat16, m.avx512 != 0,
                     m.composed != 0, device_of(m)});
  }
  kernels::limit_instruction_set(least_set(ranks));
  ops::use_composed(any_composed(ranks));
  set_native_bfloat16(choose_bfloat16(ranks).native);
  return ranks;
}

DeviceChoice choose_device(const std::vector<RankAbilities>& ranks, Device wanted, bool mixed_devices, Device before) {
  std::vector<std::string> hosts;
  std::vector<RankDevice> devices;
  for (const RankAbilities& rank : ranks) {
    hosts.push_back(rank.host);
    devices.push_back(rank.device);
  }
  return choose_device(wanted, mixed_devices, hosts, devices, before);
}

at::Device device_for_command(parallel::World& world, Device wanted) {
  const std::vector<RankAbilities> ranks = use_common_abilities(world, wanted);
  const at::Device device = use_device(choose_device(ranks, wanted, false), ranks[static_cast<std::size_t>(world.rank())].device);
  use_settings({}, device);
  return device;
}

kernels::InstructionSet least_set(const std::vector<RankAbilities>& ranks) {
  return std::min_element(ranks.begin(), ranks.end(), [](const RankAbilities& a, const RankAbilities& b) { return a.set < b.set; })->set;
}

std::string describe_processors(const std::vector<RankAbilities>& ranks) {
  std::string text = fmt::format("kernels {}", kernels::name_of(least_set(ranks)));
  if (!all_alike(ranks, set_of)) text += fmt::format(", the least of {}", who_has_what(ranks, set_of));
  if (any_composed(ranks)) text = "operations composed, " + text;
  return text + fmt::format(", LibTorch {}", all_alike(ranks, library_of) ? ranks.front().library : who_has_what(ranks, library_of));
}

std::string mixed_libraries(const std::vector<RankAbilities>& ranks) {
  if (all_alike(ranks, library_of)) return "";
  return fmt::format(
      "LibTorch computes otherwise on some ranks than on others, {}: bits may differ from those of ranks that are alike; "
      "set ATEN_CPU_CAPABILITY=avx2 for all of them, so that they use the same instruction set",
      who_has_what(ranks, library_of));
}

Bfloat16Choice choose_bfloat16(const std::vector<RankAbilities>& ranks, bool resumed, const std::string& stored) {
  const auto without = std::find_if(ranks.begin(), ranks.end(), [](const RankAbilities& rank) { return !rank.native_bfloat16; });
  const bool today = without == ranks.end();
  const RankAbilities& reason = today ? ranks.front() : *without;
  const bool same_everywhere = all_alike(ranks, [](const RankAbilities& rank) -> const std::string& { return rank.why_bfloat16; });
  std::string why = reason.why_bfloat16;
  if (!same_everywhere) why = fmt::format("rank {} on {}: {}", &reason - ranks.data(), reason.host, why);
  const Bfloat16Choice anew{today, fmt::format("{}: {}", products_of(today), why)};
  if (!resumed) return anew;
  const bool known = !stored.empty(),
             earlier = std::all_of(ranks.begin(), ranks.end(), [](const RankAbilities& rank) { return rank.avx512; });
  const bool before = known ? stored == "native" : earlier;
  if (before == today) return anew;
  return {before, fmt::format("{} as {}; a new run here would compute them {}: {}", products_of(before),
                              known ? "the run began" : "the version that wrote the checkpoint does here", products_of(today), why)};
}

Bfloat16Choice device_bfloat16(const std::vector<RankAbilities>& ranks) {
  const auto least = std::min_element(ranks.begin(), ranks.end(), [](const RankAbilities& a, const RankAbilities& b) {
    return a.device.device.major < b.device.device.major;
  });
  const CudaDevice& device = least->device.device;
  const bool native = multiplies_bfloat16(device.major);
  return {native,
          fmt::format("{}: {} has {}", products_of(native), device.name, native ? "tensor cores for them" : "no tensor cores for them")};
}

ComputedWith computed_with(const std::vector<RankAbilities>& ranks, const Bfloat16Choice* bfloat16, const std::string& device) {
  std::set<std::string> libraries;
  for (const RankAbilities& rank : ranks) libraries.insert(rank.library);
  return {std::string(kernels::name_of(least_set(ranks))),
          fmt::format("{}", fmt::join(libraries, ", ")),
          bfloat16 == nullptr ? ""
          : bfloat16->native  ? "native"
                              : "float32",
          any_composed(ranks) ? "composed" : "",
          device,
          TORCH_VERSION};
}

std::string describe_changes(const ComputedWith& before, const ComputedWith& now) {
  if (before.instruction_set.empty())
    return "an earlier version wrote the checkpoint, and it does not tell on which processor: if it was of another kind, bits differ from "
           "those "
           "of a run that never stopped";
  std::vector<std::string> changes;
  const auto compare = [&](const char* what, const std::string& then, const std::string& here) {
    if (then != here) changes.push_back(fmt::format("{} {}, before {}", what, here, then));
  };
  const auto device_of = [](const ComputedWith& with) { return with.device.empty() ? "the CPU" : with.device; };
  compare("device", device_of(before), device_of(now));
  if (before.device.empty() && now.device.empty()) {  // bits of a device do not depend on the processor beside it
    compare("kernels", before.instruction_set, now.instruction_set);
    compare("LibTorch", before.library, now.library);
  }
  if (!before.libtorch.empty()) compare("LibTorch", before.libtorch, now.libtorch);
  const auto operations = [](const ComputedWith& with) { return with.operations.empty() ? "on kernels" : with.operations; };
  compare("operations", operations(before), operations(now));
  if (changes.empty()) return "";
  return fmt::format(
      "other processors or libraries than before compute from here on ({}): bits may differ from those of a run that never stopped",
      fmt::join(changes, "; "));
}

}  // namespace sluice::recipes
