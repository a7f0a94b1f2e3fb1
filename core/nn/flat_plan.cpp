#include "core/nn/flat_plan.hpp"

#include "core/base/integers.hpp"

namespace sluice {
namespace {

constexpr std::int64_t kAlignment = 64;

}  // namespace

FlatPlan::FlatPlan(std::size_t element_size, std::int64_t holders)
    : unit_(kAlignment / static_cast<std::int64_t>(element_size)), holders_(holders) {}

ElementRange FlatPlan::place(std::int64_t count) {
  const std::int64_t begin = round_up(content_, unit_);
  content_ = begin + count;
  return {begin, content_};
}

ElementRange FlatPlan::whole() const { return {0, round_up(content_, holders_ * unit_)}; }

}  // namespace sluice
