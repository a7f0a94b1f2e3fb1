// Remembers the ids of pieces already encoded. All threads that encode share it.
//
// Requires: pieces and ids are small; the same piece always has the same ids.
// Guarantees: find() takes no lock. Entries are never changed or removed, so what find() returns stays valid as long as the cache lives.
// A full cache takes no more entries. Ordering: an entry is complete before its slot is published (release, acquire).
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string_view>
#include <vector>

namespace sluice::data {

class PieceCache {
 public:
  static constexpr std::size_t kLongestPiece = 128;  // bytes; longer ones are too rare to keep

  PieceCache();

  static std::uint64_t hash(std::string_view piece);

  /// The ids of `piece`; data() is null if it is not known.
  std::span<const std::int32_t> find(std::uint64_t hash, std::string_view piece) const;

  void insert(std::uint64_t hash, std::string_view piece, std::span<const std::int32_t> ids);

 private:
  struct Entry {
    std::uint64_t hash;
    std::uint32_t length;
    std::uint32_t count;
    const char* piece;
    const std::int32_t* ids;
  };

  static constexpr std::size_t kSlots = std::size_t{1} << 18;
  static constexpr std::size_t kMostEntries = kSlots / 2;  // some 15 MB with the pieces of English text

  void* allocate(std::size_t bytes);

  std::unique_ptr<std::atomic<const Entry*>[]> slots_;
  std::atomic<bool> full_{false};
  std::mutex mutex_;  // guards what follows
  std::size_t entries_ = 0;
  std::vector<std::unique_ptr<std::uint64_t[]>> blocks_;
  std::size_t left_ = 0;  // 8-byte words free in the last block
};

}  // namespace sluice::data
