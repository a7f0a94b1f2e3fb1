// cuda_device.hpp in a build with CUDA.
#include "core/tensor/cuda_device.hpp"

#include "core/base/cuda_answer.hpp"

#include <ATen/Functions.h>
#include <ATen/cuda/CUDAContext.h>
#include <c10/cuda/CUDACachingAllocator.h>
#include <c10/cuda/CUDAException.h>
#include <c10/cuda/CUDAFunctions.h>
#include <cuda_runtime_api.h>
#include <dlfcn.h>
#include <fmt/core.h>

#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>

namespace sluice {
namespace {

CudaAnswer ask() {
  CudaAnswer answer;
  cudaDriverGetVersion(&answer.driver);
  cudaRuntimeGetVersion(&answer.runtime);
  const cudaError_t error = cudaGetDeviceCount(&answer.count);
  if (error != cudaSuccess) {
    answer.count = 0;
    answer.too_old = error == cudaErrorInsufficientDriver;
    if (error != cudaErrorNoDevice) answer.error = cudaGetErrorString(error);
    cudaGetLastError();  // or the next call would report it again
  }
  const char* visible = std::getenv("CUDA_VISIBLE_DEVICES");
  answer.visible_set = visible != nullptr;
  answer.visible = visible != nullptr ? visible : "";
  return answer;
}

// The libraries that are loaded, which need not be those that LibTorch was compiled against.
std::string cublas_text() {
  const auto property = reinterpret_cast<int (*)(int, int*)>(dlsym(RTLD_DEFAULT, "cublasGetProperty"));
  int number[3] = {};  // major, minor and patch, by the numbers of library_types.h
  for (int i = 0; i < 3; ++i)
    if (property == nullptr || property(i, &number[i]) != 0) return "no cuBLAS";
  return fmt::format("cuBLAS {}.{}.{}", number[0], number[1], number[2]);
}

std::string cudnn_text() {
  const auto version_of = reinterpret_cast<std::size_t (*)()>(dlsym(RTLD_DEFAULT, "cudnnGetVersion"));
  if (version_of == nullptr) return "no cuDNN";
  const std::size_t version = version_of();
  return fmt::format("cuDNN {}.{}.{}", version / 10000, version / 100 % 100, version % 100);
}

// "" without a driver.
std::string read_driver_version() {
  std::ifstream file("/proc/driver/nvidia/version");
  return std::string(std::istreambuf_iterator<char>(file), {});
}

}  // namespace

CudaDevices find_cuda_devices() {
  const CudaAnswer answer = ask();
  CudaDevices found;
  found.built = true;
  found.why_none = why_no_device(answer);
  if (answer.driver > 0) found.driver = cuda_version_text(answer.driver);
  found.driver_release = driver_release(read_driver_version());
  found.libraries = fmt::format("CUDA {}, {}, {}", cuda_version_text(answer.runtime), cublas_text(), cudnn_text());
  found.architectures = SLUICE_CUDA_ARCHITECTURES;
  for (int i = 0; i < answer.count; ++i) {
    cudaDeviceProp properties;
    if (const cudaError_t error = cudaGetDeviceProperties(&properties, i); error != cudaSuccess) {
      found.visible.clear();
      found.why_none = fmt::format("device {} cannot be asked what it is: {}", i, cudaGetErrorString(error));
      break;
    }
    unsigned char uuid[16];
    std::memcpy(uuid, &properties.uuid, sizeof uuid);
    found.visible.push_back(
        {properties.name, uuid_text(uuid), properties.major, properties.minor, static_cast<std::int64_t>(properties.totalGlobalMem)});
  }
  return found;
}

std::vector<CudaLink> find_cuda_links() {
  std::vector<CudaLink> links;
  int count = 0;
  if (cudaGetDeviceCount(&count) != cudaSuccess) return links;
  for (int from = 0; from < count; ++from) {
    for (int to = from + 1; to < count; ++to) {
      int peer = 0, atomics = 0;
      cudaDeviceCanAccessPeer(&peer, from, to);
      // Over PCIe two devices have no atomic operations on each other's memory; over NVLink they have.
      if (peer != 0) cudaDeviceGetP2PAttribute(&atomics, cudaDevP2PAttrNativeAtomicSupported, from, to);
      links.push_back({from, to, peer != 0, atomics != 0});
    }
  }
  return links;
}

void use_cuda_device(int index) { c10::cuda::set_device(static_cast<c10::DeviceIndex>(index)); }

DeviceMemory device_memory(at::Device device) {
  if (!device.is_cuda()) return {};
  const auto stats = c10::cuda::CUDACachingAllocator::getDeviceStats(device.index());
  constexpr std::size_t kAll = 0;  // of small and large blocks together
  DeviceMemory memory;
  memory.allocated = stats.allocated_bytes[kAll].current;
  memory.peak_allocated = stats.allocated_bytes[kAll].peak;
  memory.reserved = stats.reserved_bytes[kAll].current;
  std::size_t free = 0, total = 0;
  C10_CUDA_CHECK(cudaMemGetInfo(&free, &total));
  memory.free = static_cast<std::int64_t>(free);
  memory.total = static_cast<std::int64_t>(total);
  return memory;
}

std::int64_t start_device(at::Device device) {
  if (!device.is_cuda()) return 0;
  const at::Tensor a = at::ones({64, 64}, at::TensorOptions(at::kFloat).device(device));
  at::mm(a, a);
  wait_for(device);
  const DeviceMemory memory = device_memory(device);
  return memory.total - memory.free - memory.reserved;
}

void wait_for(at::Device device) {
  if (device.is_cuda()) at::cuda::getCurrentCUDAStream(device.index()).synchronize();
}

int cuda_compute_capability(at::Device device) {
  return at::cuda::getDeviceProperties(device.has_index() ? device.index() : at::cuda::current_device())->major;
}

}  // namespace sluice
