// XXH3 (xxHash 0.8, stable since 0.8.0): the checksums and identities of the data room.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace sluice::data {

/// XXH3-128 of everything given to update().
class Hash128 {
 public:
  Hash128();
  ~Hash128();
  Hash128(const Hash128&) = delete;
  Hash128& operator=(const Hash128&) = delete;

  void update(const void* data, std::size_t size);
  /// Adds a field with its length before it, so that ("ab", "c") and ("a", "bc") differ.
  void field(std::string_view text);
  void field(std::uint64_t value);
  /// 32 hexadecimal digits, the canonical (big-endian) form that `xxhsum -H2` prints.
  std::string hex() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// XXH3-64.
std::uint64_t hash64(std::string_view bytes);

/// XXH3-64 of everything given to update(); one object can hash one document after the other.
class Hash64 {
 public:
  Hash64();
  ~Hash64();
  Hash64(const Hash64&) = delete;
  Hash64& operator=(const Hash64&) = delete;
  void update(std::string_view bytes);
  /// Returns the hash of everything since the last finish(), and starts a new one.
  std::uint64_t finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace sluice::data
