// Where parameters lie in a flat buffer: arithmetic alone.
//
//   | parameter | gap | parameter | gap | ... | parameter | padding |      each parameter begins at a multiple of 64 bytes, so that
//   |<------------------ content ------------------------>|                products see it aligned as in memory of its own;
//   |<--------------------------- whole ---------------------------->|     the padding makes it as many multiples of 64 bytes for each rank
//
// Where a parameter lies, and hence the content, is a function of the model alone; the padding depends on the number of ranks.
#pragma once

#include "core/nn/element_range.hpp"

#include <cstddef>
#include <cstdint>

namespace sluice {

class FlatPlan {
 public:
  FlatPlan() = default;
  /// Of a buffer whose values `holders` ranks hold alike.
  FlatPlan(std::size_t element_size, std::int64_t holders);

  /// Places the next parameter, of `count` elements.
  ElementRange place(std::int64_t count);

  /// From the first parameter to the end of the last, with the gaps between them.
  ElementRange content() const { return {0, content_}; }
  /// With the padding.
  ElementRange whole() const;
  /// What this rank has moments of and updates: the whole, as does each holder.
  ElementRange owned() const { return whole(); }

 private:
  std::int64_t unit_ = 1;  // elements in 64 bytes
  std::int64_t holders_ = 1;
  std::int64_t content_ = 0;
};

}  // namespace sluice
