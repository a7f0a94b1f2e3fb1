// The FNV-1a hash: short, the same on every machine, good enough to tell texts apart where nobody makes them collide on purpose.
#pragma once

#include <cstdint>
#include <string_view>

namespace sluice {

/// The 64-bit FNV-1a hash of no bytes.
inline constexpr std::uint64_t kFnv1aStart = 0xcbf29ce484222325ULL;

/// The 64-bit FNV-1a hash of bytes. `before` is the hash of the bytes that come before them.
constexpr std::uint64_t fnv1a(std::string_view bytes, std::uint64_t before = kFnv1aStart) {
  for (const char byte : bytes) before = (before ^ static_cast<unsigned char>(byte)) * 0x100000001b3ULL;
  return before;
}

}  // namespace sluice
