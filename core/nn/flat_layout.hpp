// Where parameters lie in a flat buffer, and how its ranks cut it: arithmetic alone.
//
//   | parameter | gap | parameter | gap | ... | parameter | padding |      each parameter begins at a multiple of 64 bytes, so that
//   |<------------------ content ------------------------>|                products see it aligned as in memory of its own;
//   |<--- share of rank 0 --->|<--- share of rank 1 --->| ...              shares are equal multiples of 64 bytes and cross parameters
//
// Where a parameter lies, and hence the content, is a function of the model alone; the padding depends on the number of ranks.
#pragma once

#include "core/nn/element_range.hpp"

#include <cstddef>
#include <cstdint>

namespace sluice {

/// The ranks that hold a buffer of the same values, and which of them this is.
struct HolderGroup {
  std::int64_t size = 1, rank = 0;
};

class FlatLayout {
 public:
  FlatLayout() = default;
  FlatLayout(std::size_t element_size, HolderGroup holders);

  /// Places the next parameter, of `count` elements.
  ElementRange place(std::int64_t count);

  /// From the first parameter to the end of the last, with the gaps between them.
  ElementRange content() const { return {0, content_}; }
  /// With the padding.
  ElementRange whole() const;
  /// The part of this rank, where each holder has one of its own.
  ElementRange share() const;
  /// What this rank has moments of and updates: the whole, as does each holder.
  ElementRange owned() const { return whole(); }

 private:
  std::int64_t unit_ = 1;  // elements in 64 bytes
  HolderGroup holders_;
  std::int64_t content_ = 0;
};

}  // namespace sluice
