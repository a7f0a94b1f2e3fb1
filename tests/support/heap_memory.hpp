// Counts the memory that C++ code of all threads takes from the heap, in operator new and delete. This header defines these operators for
// the whole program, so include it in one source file of a program. Tensors have an allocator of their own (tensor_memory.hpp).
#pragma once

#include <malloc.h>

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <new>

namespace sluice::testing {

inline std::atomic<std::int64_t> heap_bytes{0}, peak_heap_bytes{0};

inline void* counted_block(void* block) {
  if (block == nullptr) throw std::bad_alloc();
  const std::int64_t now = heap_bytes += static_cast<std::int64_t>(malloc_usable_size(block));
  for (std::int64_t most = peak_heap_bytes.load(); most < now && !peak_heap_bytes.compare_exchange_weak(most, now);) {}
  return block;
}

inline void free_counted(void* block) noexcept {
  if (block != nullptr) heap_bytes -= static_cast<std::int64_t>(malloc_usable_size(block));
  std::free(block);
}

/// The largest number of heap bytes at any moment while `work` runs, less those before it.
template <class Work>
std::int64_t peak_heap_bytes_of(Work&& work) {
  const std::int64_t before = heap_bytes.load();
  peak_heap_bytes.store(before);
  work();
  return peak_heap_bytes.load() - before;
}

}  // namespace sluice::testing

void* operator new(std::size_t size) { return sluice::testing::counted_block(std::malloc(size == 0 ? 1 : size)); }
void operator delete(void* block) noexcept { sluice::testing::free_counted(block); }
void operator delete(void* block, std::size_t) noexcept { sluice::testing::free_counted(block); }
