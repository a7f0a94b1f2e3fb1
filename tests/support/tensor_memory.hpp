// Counts the memory of CPU tensors, in LibTorch's allocator: of all threads, to the byte, whichever thread frees it.
#pragma once

#include <c10/core/Allocator.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <new>

namespace sluice::testing {

/// Takes the place of LibTorch's own allocator when counted() is first called. Blocks allocated before are not counted, nor are they when
/// freed.
class TensorMemory final : public c10::Allocator {
 public:
  static TensorMemory& counted() {
    static TensorMemory* const memory = [] {
      auto* made = new TensorMemory();  // never freed: the last tensors may outlive everything else
      c10::SetAllocator(c10::DeviceType::CPU, made, 1);
      return made;
    }();
    return *memory;
  }

  /// Bytes allocated now, and the most that were allocated at once since the last reset_peak().
  std::int64_t bytes() const { return bytes_.load(); }
  std::int64_t peak() const { return peak_.load(); }
  void reset_peak() { peak_.store(bytes()); }

  c10::DataPtr allocate(std::size_t size) override {
    if (size == 0) return {nullptr, nullptr, &free_block, c10::Device(c10::DeviceType::CPU)};
    // The block's size stands before it.
    void* whole = nullptr;
    if (posix_memalign(&whole, kAlignment, kAlignment + size) != 0) throw std::bad_alloc();
    std::memcpy(whole, &size, sizeof size);
    const std::int64_t now = bytes_ += static_cast<std::int64_t>(size);
    for (std::int64_t most = peak_.load(); most < now && !peak_.compare_exchange_weak(most, now);) {}
    void* const block = static_cast<std::byte*>(whole) + kAlignment;
    return {block, block, &free_block, c10::Device(c10::DeviceType::CPU)};
  }
  c10::DeleterFnPtr raw_deleter() const override { return &free_block; }
  void copy_data(void* to, const void* from, std::size_t count) const override { default_copy_data(to, from, count); }

 private:
  static constexpr std::size_t kAlignment = 64;

  TensorMemory() = default;
  static void free_block(void* block) {
    if (block == nullptr) return;
    void* const whole = static_cast<std::byte*>(block) - kAlignment;
    std::size_t size = 0;
    std::memcpy(&size, whole, sizeof size);
    counted().bytes_ -= static_cast<std::int64_t>(size);
    std::free(whole);
  }

  std::atomic<std::int64_t> bytes_{0}, peak_{0};
};

/// The largest number of tensor bytes at any moment while `work` runs, less those before it.
template <class Work>
std::int64_t peak_bytes_of(Work&& work) {
  TensorMemory& memory = TensorMemory::counted();
  const std::int64_t before = memory.bytes();
  memory.reset_peak();
  work();
  return memory.peak() - before;
}

}  // namespace sluice::testing
