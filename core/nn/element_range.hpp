// A contiguous range of elements of a tensor or buffer.
#pragma once

#include <algorithm>
#include <cstdint>

namespace sluice {

/// The elements begin, begin + 1, ..., end - 1.
struct ElementRange {
  std::int64_t begin = 0, end = 0;

  std::int64_t count() const { return end - begin; }
  bool operator==(const ElementRange&) const = default;
};

/// Returns the elements that are in both ranges. If there are none, the result is empty and lies within the bounds of `a`.
inline ElementRange intersection(const ElementRange& a, const ElementRange& b) {
  const std::int64_t begin = std::clamp(b.begin, a.begin, a.end);
  return {begin, std::clamp(b.end, begin, a.end)};
}

}  // namespace sluice
