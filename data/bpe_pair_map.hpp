// A hash map from a pair of token ids to a small value: open addressing, no erasing, grows by doubling.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace sluice::data {

/// The pair as one integer; integers are in the same order as the pairs (left, right). Ids must not be negative.
constexpr std::uint64_t pair_key(std::int32_t left, std::int32_t right) {
  return static_cast<std::uint64_t>(static_cast<std::uint32_t>(left)) << 32 | static_cast<std::uint32_t>(right);
}
constexpr std::int32_t pair_left(std::uint64_t key) { return static_cast<std::int32_t>(key >> 32); }
constexpr std::int32_t pair_right(std::uint64_t key) { return static_cast<std::int32_t>(key & 0xFFFFFFFFu); }

template <class Value>
class PairMap {
 public:
  explicit PairMap(std::size_t expected = 16) { rehash(expected); }

  const Value* find(std::uint64_t key) const {
    for (std::size_t i = home(key);; i = (i + 1) & mask_) {
      if (slots_[i].first == key) return &slots_[i].second;
      if (slots_[i].first == kEmpty) return nullptr;
    }
  }

  /// The value of `key`; a default one is inserted if there is none. The reference is valid until the next insertion.
  Value& operator[](std::uint64_t key) {
    std::size_t i = home(key);
    for (; slots_[i].first != key; i = (i + 1) & mask_) {
      if (slots_[i].first != kEmpty) continue;
      if (2 * (size_ + 1) > slots_.size()) {
        rehash(2 * (size_ + 1));
        return (*this)[key];
      }
      ++size_;
      slots_[i].first = key;
      break;
    }
    return slots_[i].second;
  }

  std::size_t size() const { return size_; }

 private:
  static constexpr std::uint64_t kEmpty = ~std::uint64_t{0};  // no pair: ids are not negative

  std::size_t home(std::uint64_t key) const {
    key *= 0x9E3779B97F4A7C15u;
    return static_cast<std::size_t>(key ^ key >> 32) & mask_;
  }

  void rehash(std::size_t expected) {
    std::size_t capacity = 16;
    while (capacity < 2 * expected) capacity *= 2;
    std::vector<std::pair<std::uint64_t, Value>> old(capacity, {kEmpty, Value{}});
    old.swap(slots_);
    mask_ = capacity - 1;
    for (auto& [key, value] : old) {
      if (key == kEmpty) continue;
      std::size_t i = home(key);
      while (slots_[i].first != kEmpty) i = (i + 1) & mask_;
      slots_[i] = {key, std::move(value)};
    }
  }

  std::vector<std::pair<std::uint64_t, Value>> slots_;
  std::size_t mask_ = 0;
  std::size_t size_ = 0;
};

}  // namespace sluice::data
