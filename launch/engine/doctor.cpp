// `sluice doctor`: what is on this machine and can be used.
#include "core/base/counted.hpp"
#include "core/base/cuda_answer.hpp"
#include "core/base/host.hpp"
#include "core/base/libraries.hpp"
#include "core/base/log.hpp"
#include "core/base/machine_memory.hpp"
#include "core/base/processor.hpp"
#include "core/kernels/simd/instruction_set.hpp"
#include "core/nn/attention_kernel.hpp"
#include "core/tensor/cuda_device.hpp"
#include "core/tensor/device_settings.hpp"
#include "core/tensor/dtype_map.hpp"
#include "data/media/decode_image.hpp"
#include "data/media/decode_sound.hpp"
#include "launch/engine/commands.hpp"
#include "parallel/comm/launcher.hpp"
#include "parallel/comm/mpi_world.hpp"
#include "parallel/comm/processors.hpp"
#include "recipes/run/units.hpp"
#include "recipes/stages/device_choice.hpp"

#include <ATen/Context.h>
#include <ATen/Version.h>
#include <dlfcn.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <torch/headeronly/version.h>

#include <cstdlib>
#include <map>
#include <string>
#include <vector>

namespace sluice {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

constexpr std::int64_t kHeadSize = 64;

// The folders that LibTorch takes its libraries from: its own, and those of NVIDIA's Python packages beside it.
std::vector<fs::path> library_folders(const fs::path& libtorch) {
  std::vector<fs::path> folders = {libtorch};
  std::error_code unreadable;
  for (const fs::directory_entry& package : fs::directory_iterator(libtorch.parent_path().parent_path() / "nvidia", unreadable))
    if (fs::is_directory(package.path() / "lib", unreadable)) folders.push_back(package.path() / "lib");
  return folders;
}

// Adds what the loader finds under that name, if it is NCCL: its file, by links to the end, and its version, "2.30.7".
void add_nccl(const std::string& name, std::map<std::string, std::string>& version_of_file) {
  void* library = dlopen(name.c_str(), RTLD_LAZY | RTLD_LOCAL);
  if (library == nullptr) return;
  void* const symbol = dlsym(library, "ncclGetVersion");
  int version = 0;
  Dl_info where{};
  if (symbol == nullptr || dladdr(symbol, &where) == 0 || reinterpret_cast<int (*)(int*)>(symbol)(&version) != 0) return;
  std::error_code unreadable;
  const fs::path file = fs::weakly_canonical(where.dli_fname, unreadable);
  version_of_file[file.string()] = fmt::format("{}.{}.{}", version / 10000, version / 100 % 100, version % 100);
}

Json nccl_libraries(const std::vector<fs::path>& folders) {
  std::map<std::string, std::string> version_of_file;
  for (const fs::path& folder : folders) add_nccl((folder / "libnccl.so.2").string(), version_of_file);
  add_nccl("libnccl.so.2", version_of_file);  // wherever the loader finds it
  Json found = Json::array();
  for (const auto& [file, version] : version_of_file) found.push_back({{"file", file}, {"version", version}});
  return found;
}

Json devices_of(const CudaDevices& found) {
  Json devices = Json::array();
  for (const CudaDevice& device : found.visible)
    devices.push_back({{"name", device.name},
                       {"uuid", device.uuid},
                       {"compute_capability", fmt::format("{}.{}", device.major, device.minor)},
                       {"memory_bytes", device.bytes},
                       {"has_code", has_code_for(found.architectures, device.major, device.minor)}});
  return devices;
}

Json links() {
  Json all = Json::array();
  for (const CudaLink& link : find_cuda_links())
    all.push_back({{"from", link.from}, {"to", link.to}, {"peer_access", link.peer}, {"nvlink", link.nvlink}});
  return all;
}

Json attention_on(at::Device device) {
  use_settings({}, device);
  Json kernels = Json::array();
  for (const at::ScalarType type : {at::kBFloat16, at::kFloat}) {
    const AttentionKernel kernel = attention_kernel(at::TensorOptions(type).device(device), kHeadSize);
    kernels.push_back({{"dtype", std::string(name_of(from_torch(type)))}, {"kernel", kernel.name}, {"why", kernel.why}});
  }
  return kernels;
}

Json examine(const CudaDevices& found, const recipes::DeviceChoice& choice, at::Device device) {
  const ProcessorFeatures& processor = this_processor();
  const Bfloat16Products bfloat16 = best_bfloat16_products();
  const MachineMemory memory = machine_memory();
  const parallel::LauncherEnvironment launcher = parallel::detect_launcher();
  const fs::path libtorch = folder_of_library("libtorch_cpu.so");
  const std::vector<fs::path> folders = library_folders(libtorch);
  const char* search_path = std::getenv("LD_LIBRARY_PATH");
  Json shadows = Json::array();
  for (const Shadow& shadow : find_shadows(search_path != nullptr ? search_path : "", folders))
    shadows.push_back({{"in_front", shadow.in_front.string()}, {"own", shadow.own.string()}});
  return {{"version", kVersion},
          {"host", host_name()},
          {"processor", processor.model},
          {"cores", parallel::usable_processors().count()},
          {"instruction_sets",
           {{"kernels", std::string(kernels::name_of(kernels::best_instruction_set()))}, {"libtorch", at::get_cpu_capability()}}},
          {"bfloat16_products", {{"native", bfloat16.native}, {"why", bfloat16.why}}},
          {"memory_bytes", static_cast<std::int64_t>(memory.total)},
          {"memory_available_bytes", static_cast<std::int64_t>(memory.available)},
          {"mpi", {{"library", parallel::mpi_library()}, {"launcher", launcher.name}}},
          {"media", {{"images", data::image_formats()}, {"sounds", data::sound_formats()}}},
          {"libtorch", {{"version", TORCH_VERSION}, {"folder", libtorch.string()}}},
          {"cuda",
           {{"built", found.built},
            {"architectures", found.architectures},
            {"libraries", found.libraries},
            {"driver", found.driver_release},
            {"driver_cuda", found.driver},
            {"why_none", found.why_none},
            {"devices", devices_of(found)},
            {"links", links()}}},
          {"nccl", nccl_libraries(folders)},
          {"device", choice.text},
          {"attention", attention_on(device)},
          {"shadowed_libraries", shadows}};
}

void say(const char* what, const std::string& text) { log_info("  {:<14}{}", what, text); }

std::string text_of(const Json& json) { return json.get<std::string>(); }

void print(const Json& report) {
  log_info("sluice {} on {}", text_of(report["version"]), text_of(report["host"]));
  say("processor",
      fmt::format("{}, {}; kernels {}, LibTorch {}", text_of(report["processor"]), counted(report["cores"].get<std::size_t>(), "core"),
                  text_of(report["instruction_sets"]["kernels"]), text_of(report["instruction_sets"]["libtorch"])));
  say("bfloat16", fmt::format("products on the CPU {}: {}", report["bfloat16_products"]["native"].get<bool>() ? "native" : "in float32",
                              text_of(report["bfloat16_products"]["why"])));
  say("memory", fmt::format("{}, {} free", recipes::human_bytes(report["memory_bytes"].get<double>()),
                            recipes::human_bytes(report["memory_available_bytes"].get<double>())));
  const std::string launcher = text_of(report["mpi"]["launcher"]);
  say("MPI", text_of(report["mpi"]["library"]) + (launcher.empty() ? "" : ", started by " + launcher));
  const std::string images = text_of(report["media"]["images"]), sounds = text_of(report["media"]["sounds"]);
  say("media", fmt::format("pictures {}; sounds {}", images.empty() ? "none (built without libpng and libjpeg)" : images,
                           sounds.empty() ? "none (built without libsndfile)" : sounds));
  say("LibTorch", fmt::format("{} in {}", text_of(report["libtorch"]["version"]), text_of(report["libtorch"]["folder"])));
  const Json& cuda = report["cuda"];
  if (cuda["built"].get<bool>()) {
    const std::string driver = text_of(cuda["driver"]);
    say("CUDA", fmt::format("{}, kernels for {}; {}", text_of(cuda["libraries"]), text_of(cuda["architectures"]),
                            driver.empty() ? "no driver" : fmt::format("driver {} for CUDA {}", driver, text_of(cuda["driver_cuda"]))));
  }
  if (cuda["devices"].empty()) say("GPUs", "none: " + text_of(cuda["why_none"]));
  for (std::size_t i = 0; i < cuda["devices"].size(); ++i) {
    const Json& device = cuda["devices"][i];
    say(i == 0 ? "GPUs" : "",
        fmt::format("{}: {}, {}, compute capability {}, {}{}", i, text_of(device["name"]),
                    recipes::human_bytes(device["memory_bytes"].get<double>()), text_of(device["compute_capability"]),
                    text_of(device["uuid"]), device["has_code"].get<bool>() ? "" : "; this program has no code for it"));
  }
  for (const Json& link : cuda["links"])
    say("", fmt::format("{} and {}: {}", link["from"].get<int>(), link["to"].get<int>(),
                        link["nvlink"].get<bool>()        ? "NVLink"
                        : link["peer_access"].get<bool>() ? "PCIe, direct"
                                                          : "through the host"));
  if (report["nccl"].empty()) say("NCCL", "none found");
  for (const Json& nccl : report["nccl"]) say("NCCL", fmt::format("{} in {}", text_of(nccl["version"]), text_of(nccl["file"])));
  say("computes on", text_of(report["device"]));
  for (const Json& kernel : report["attention"])
    say("attention", fmt::format("{}: {}, {}", text_of(kernel["dtype"]), text_of(kernel["kernel"]), text_of(kernel["why"])));
  for (const Json& shadow : report["shadowed_libraries"])
    log_warning("LD_LIBRARY_PATH puts {} in front of {}: LibTorch may compute slower with it, or fail; take its folder out",
                text_of(shadow["in_front"]), text_of(shadow["own"]));
}

}  // namespace

int doctor_command(const DoctorOptions& options) {
  const CudaDevices found = find_cuda_devices();
  const recipes::RankDevice own = recipes::find_rank_device(found, 0);
  recipes::DeviceChoice choice;
  std::string unusable;
  try {
    choice = recipes::choose_device(options.device, false, {host_name()}, {own});
  } catch (const Error& error) {
    unusable = error.what();
    choice.text = "cpu";
  }
  Json report = examine(found, choice, recipes::use_device(choice, own));
  report["unusable"] = unusable;
  if (options.json) log_info("{}", report.dump(1));
  else print(report);
  if (unusable.empty()) return 0;
  throw usage_error("{}", unusable);
}

}  // namespace sluice
