#include "core/nn/flat_layout.hpp"

namespace sluice {
namespace {

constexpr std::int64_t kAlignment = 64;

std::int64_t rounded_up(std::int64_t count, std::int64_t unit) { return (count + unit - 1) / unit * unit; }

}  // namespace

FlatLayout::FlatLayout(std::size_t element_size, HolderGroup holders)
    : unit_(kAlignment / static_cast<std::int64_t>(element_size)), holders_(holders) {}

ElementRange FlatLayout::place(std::int64_t count) {
  const std::int64_t begin = rounded_up(content_, unit_);
  content_ = begin + count;
  return {begin, content_};
}

ElementRange FlatLayout::whole() const {
  return {0, rounded_up(content_, holders_.size * unit_)};
}

ElementRange FlatLayout::share() const {
  const std::int64_t count = whole().count() / holders_.size;
  return {holders_.rank * count, (holders_.rank + 1) * count};
}

}  // namespace sluice
