// How much tensor memory a piece of code leaves behind, asked of LibTorch's allocator.
#pragma once

#include <cstdint>
#include <functional>

namespace sluice {

/// Bytes of CPU tensors that `work` allocated on this thread and that are still there when it returns.
std::int64_t bytes_kept_by(const std::function<void()>& work);

}  // namespace sluice
