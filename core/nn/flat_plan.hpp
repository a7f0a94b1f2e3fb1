// Computes where parameters lie in a flat buffer. Pure arithmetic, no memory.
//
//   | parameter | gap | parameter | gap | ... | parameter | padding |
//   |<------------------ content ------------------------>|
//   |<--------------------------- whole ---------------------------->|
//
// Each parameter begins at a multiple of 64 bytes, so that products see it aligned as in memory of its own. The padding rounds the whole up
// so that it divides into equal parts, one for each rank that holds the buffer, each a multiple of 64 bytes. The places of the parameters,
// and so the content, depend on the model alone; only the padding depends on the number of ranks.
#pragma once

#include "core/nn/element_range.hpp"

#include <cstddef>
#include <cstdint>

namespace sluice {

class FlatPlan {
 public:
  FlatPlan() = default;
  /// A buffer of elements of `element_size` bytes. `holders` is the number of ranks that hold the same values in it. It determines the
  /// padding and nothing else.
  FlatPlan(std::size_t element_size, std::int64_t holders);

  /// Places the next parameter, of `count` elements, and returns its elements in the buffer.
  ElementRange place(std::int64_t count);

  /// From the first parameter to the end of the last, with the gaps between them.
  ElementRange content() const { return {0, content_}; }
  /// The content and the padding.
  ElementRange whole() const;
  /// The elements for which this rank keeps moments and which it updates. Today that is the whole buffer on every holder: the optimizer is
  /// not sharded.
  ElementRange owned() const { return whole(); }

 private:
  std::int64_t unit_ = 1;  // elements in 64 bytes
  std::int64_t holders_ = 1;
  std::int64_t content_ = 0;
};

}  // namespace sluice
