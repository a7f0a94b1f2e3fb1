#include "data/bpe_piece_cache.hpp"

#include <xxhash.h>

#include <cstring>

namespace sluice::data {

namespace {

constexpr std::size_t kBlockWords = 1 << 15;

}  // namespace

PieceCache::PieceCache() : slots_(std::make_unique<std::atomic<const Entry*>[]>(kSlots)) {
  for (std::size_t i = 0; i < kSlots; ++i) slots_[i].store(nullptr, std::memory_order_relaxed);
}

std::uint64_t PieceCache::hash(std::string_view piece) { return XXH3_64bits(piece.data(), piece.size()); }

std::span<const std::int32_t> PieceCache::find(std::uint64_t hash, std::string_view piece) const {
  for (std::size_t i = hash & (kSlots - 1);; i = (i + 1) & (kSlots - 1)) {
    const Entry* entry = slots_[i].load(std::memory_order_acquire);
    if (!entry) return {};
    if (entry->hash == hash && entry->length == piece.size() && std::memcmp(entry->piece, piece.data(), piece.size()) == 0)
      return {entry->ids, entry->count};
  }
}

void* PieceCache::allocate(std::size_t bytes) {
  const std::size_t words = (bytes + 7) / 8;
  if (words > left_) {
    blocks_.push_back(std::make_unique<std::uint64_t[]>(kBlockWords));
    left_ = kBlockWords;
  }
  void* place = blocks_.back().get() + (kBlockWords - left_);
  left_ -= words;
  return place;
}

void PieceCache::insert(std::uint64_t hash, std::string_view piece, std::span<const std::int32_t> ids) {
  if (piece.size() > kLongestPiece || full_.load(std::memory_order_relaxed)) return;
  const std::lock_guard lock(mutex_);
  if (entries_ == kMostEntries || find(hash, piece).data()) return;
  auto* kept_ids = static_cast<std::int32_t*>(allocate(ids.size_bytes()));
  std::memcpy(kept_ids, ids.data(), ids.size_bytes());
  auto* kept_piece = static_cast<char*>(allocate(piece.size()));
  std::memcpy(kept_piece, piece.data(), piece.size());
  auto* entry = new (allocate(sizeof(Entry)))
      Entry{hash, static_cast<std::uint32_t>(piece.size()), static_cast<std::uint32_t>(ids.size()), kept_piece, kept_ids};
  std::size_t i = hash & (kSlots - 1);
  while (slots_[i].load(std::memory_order_relaxed)) i = (i + 1) & (kSlots - 1);
  slots_[i].store(entry, std::memory_order_release);
  if (++entries_ == kMostEntries) full_.store(true, std::memory_order_relaxed);
}

}  // namespace sluice::data
