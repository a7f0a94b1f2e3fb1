// SHA-256 (FIPS 180-4), for checksums that users compare with those of other tools (sha256sum).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace sluice {

/// Hashes bytes that come in pieces: any number of update(), then one hex().
class Sha256 {
 public:
  void update(std::string_view bytes);
  /// Returns the hash of all bytes as 64 lower-case hexadecimal digits. The object cannot be used afterwards.
  std::string hex();

 private:
  void block(const unsigned char* data);
  std::array<std::uint32_t, 8> state_ = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  std::array<unsigned char, 64> buffer_{};
  std::size_t buffered_ = 0;
  std::uint64_t total_ = 0;
};

std::string sha256_hex(std::string_view bytes);

}  // namespace sluice
