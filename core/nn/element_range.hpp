// A contiguous range of elements.
#pragma once

#include <algorithm>
#include <cstdint>

namespace sluice {

/// Elements [begin, end).
struct ElementRange {
  std::int64_t begin = 0, end = 0;

  std::int64_t count() const { return end - begin; }
  bool operator==(const ElementRange&) const = default;
};

/// The elements of both; empty, and at a place within `a`, where they have none in common.
inline ElementRange intersection(const ElementRange& a, const ElementRange& b) {
  const std::int64_t begin = std::clamp(b.begin, a.begin, a.end);
  return {begin, std::clamp(b.end, begin, a.end)};
}

}  // namespace sluice
