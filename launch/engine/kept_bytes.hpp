// Measures how much tensor memory a piece of code leaves allocated, from the reports of LibTorch's allocator.
#pragma once

#include <cstdint>
#include <functional>

namespace sluice {

/// Bytes of CPU tensors that `work` allocates on this thread, less those it frees on this thread.
std::int64_t bytes_kept_by(const std::function<void()>& work);

}  // namespace sluice
