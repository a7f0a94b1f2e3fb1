#include "core/checkpoint/checksum.hpp"

#include <fmt/core.h>
#include <xxhash.h>

#include <new>

namespace sluice::checkpoint {

std::string to_hex(const Checksum& checksum) { return fmt::format("{:016x}{:016x}", checksum.high, checksum.low); }

std::optional<Checksum> parse_checksum(std::string_view hex) {
  if (hex.size() != 32) return std::nullopt;
  Checksum result;
  for (std::size_t i = 0; i < 32; ++i) {
    const char c = hex[i];
    int digit = 0;
    if (c >= '0' && c <= '9') digit = c - '0';
    else if (c >= 'a' && c <= 'f') digit = c - 'a' + 10;
    else return std::nullopt;
    std::uint64_t& half = i < 16 ? result.high : result.low;
    half = half << 4 | static_cast<std::uint64_t>(digit);
  }
  return result;
}

Checksum checksum_of(std::span<const std::byte> bytes) {
  const XXH128_hash_t hash = XXH3_128bits(bytes.data(), bytes.size());
  return {hash.high64, hash.low64};
}

Checksum checksum_of(std::string_view text) { return checksum_of(std::as_bytes(std::span(text.data(), text.size()))); }

struct ChecksumStream::State {
  XXH3_state_t* hash = XXH3_createState();
  State() {
    if (hash == nullptr) throw std::bad_alloc();
    XXH3_128bits_reset(hash);
  }
  ~State() { XXH3_freeState(hash); }
  State(const State&) = delete;
  State& operator=(const State&) = delete;
};

ChecksumStream::ChecksumStream() : state_(std::make_unique<State>()) {}
ChecksumStream::~ChecksumStream() = default;

void ChecksumStream::update(std::span<const std::byte> bytes) { XXH3_128bits_update(state_->hash, bytes.data(), bytes.size()); }

Checksum ChecksumStream::digest() const {
  const XXH128_hash_t hash = XXH3_128bits_digest(state_->hash);
  return {hash.high64, hash.low64};
}

}  // namespace sluice::checkpoint
