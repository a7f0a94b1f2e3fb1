// Works through two tensors piece by piece. For work that makes a temporary copy (in another element type, say): copies of pieces stay
// in the cache, and there is never a second copy of the whole.
#pragma once

#include "core/tensor/tensor.hpp"

#include <algorithm>
#include <cstdint>

namespace sluice {

/// Calls work(to, from) with matching pieces, flat and on the CPU of at most 2^18 elements, of two contiguous tensors with the same number
/// of elements.
template <class Work>
void for_each_piece(const at::Tensor& to, const at::Tensor& from, const Work& work) {
  // A device has no cache that a piece would stay in, and every piece costs a launch.
  const std::int64_t piece = to.is_cpu() ? std::int64_t{1} << 18 : std::max<std::int64_t>(1, to.numel());
  const at::Tensor flat_to = to.view({-1}), flat_from = from.view({-1});
  for (std::int64_t begin = 0; begin < flat_to.numel(); begin += piece) {
    const std::int64_t count = std::min(piece, flat_to.numel() - begin);
    work(flat_to.narrow(0, begin, count), flat_from.narrow(0, begin, count));
  }
}

}  // namespace sluice
