// Work on two tensors side by side that makes copies of what it works on (another element type): piece by piece, so that the copies
// stay in the cache and the whole is never there twice.
#pragma once

#include "core/tensor/tensor.hpp"

#include <algorithm>
#include <cstdint>

namespace sluice {

/// work(to, from) on matching pieces of two contiguous tensors of as many elements.
template <class Work>
void for_each_piece(const at::Tensor& to, const at::Tensor& from, const Work& work) {
  constexpr std::int64_t kPiece = std::int64_t{1} << 18;
  const at::Tensor flat_to = to.view({-1}), flat_from = from.view({-1});
  for (std::int64_t begin = 0; begin < flat_to.numel(); begin += kPiece) {
    const std::int64_t count = std::min(kPiece, flat_to.numel() - begin);
    work(flat_to.narrow(0, begin, count), flat_from.narrow(0, begin, count));
  }
}

}  // namespace sluice
