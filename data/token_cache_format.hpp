// The header of a token cache (format: token_cache.hpp); private to the cache's reader and writer.
#pragma once

#include "data/hash128.hpp"

#include <cstddef>
#include <cstdint>

namespace sluice::data::token_cache_format {

inline constexpr char kMagic[8] = {'S', 'L', 'T', 'O', 'K', 'E', 'N', 'S'};
inline constexpr std::uint32_t kVersion = 1;

struct Header {
  char magic[8];
  std::uint32_t version;
  std::uint32_t token_bytes;
  char key[32];
  std::uint64_t tokens;
  std::uint64_t documents;
  std::uint64_t statistics_bytes;
  char payload_hash[32];
  std::uint64_t reserved[2];
  std::uint64_t header_hash;
};
static_assert(sizeof(Header) == 128);

inline std::uint64_t hash_of(const Header& header) {
  return hash64({reinterpret_cast<const char*>(&header), offsetof(Header, header_hash)});
}

/// How many zero bytes follow `token_bytes` bytes of tokens, so that the document hashes behind them are aligned to 8 bytes.
constexpr std::uint64_t padding_after(std::uint64_t token_bytes) { return (8 - token_bytes % 8) % 8; }

}  // namespace sluice::data::token_cache_format
