// XXH3-128, the checksum of checkpoints (xxhash.com). The text form is that of `xxhsum -H128`.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace sluice::checkpoint {

struct Checksum {
  std::uint64_t high = 0;
  std::uint64_t low = 0;
  bool operator==(const Checksum&) const = default;
};

std::string to_hex(const Checksum& checksum);  // 32 lower-case digits
/// Nothing if the text is not 32 lower-case hex digits.
std::optional<Checksum> parse_checksum(std::string_view hex);

Checksum checksum_of(std::span<const std::byte> bytes);
Checksum checksum_of(std::string_view text);

/// The checksum of bytes that come in pieces. digest() is that of all bytes so far.
class ChecksumStream {
 public:
  ChecksumStream();
  ~ChecksumStream();
  void update(std::span<const std::byte> bytes);
  Checksum digest() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace sluice::checkpoint
