#include "core/checkpoint/accounting.hpp"

#include "core/base/error.hpp"
#include "core/checkpoint/name_order.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>

namespace sluice::checkpoint {
namespace {

std::string joined(std::vector<std::string> entries, std::size_t shown) {
  const std::size_t left = entries.size() > shown ? entries.size() - shown : 0;
  entries.resize(entries.size() - left);
  return fmt::format("{}{}", fmt::join(entries, ", "), left == 0 ? "" : fmt::format(", and {} more such lines", left));
}

/// Names with the same difference are folded together.
std::vector<std::string> difference_entries(const std::vector<Accounting::Differs>& misshaped) {
  std::map<std::string, std::vector<std::string>> by_difference;
  for (const auto& [expected, found] : misshaped) {
    const bool shape = expected.shape != found.shape;
    by_difference[shape ? fmt::format("expected {}, found {}", to_string(expected.shape), to_string(found.shape))
                        : fmt::format("expected {}, found {}", name_of(expected.type), name_of(found.type))]
        .push_back(expected.name);
  }
  std::vector<std::string> entries;
  for (const auto& [difference, names] : by_difference)
    for (const std::string& name : fold_names(names)) entries.push_back(fmt::format("{} ({})", name, difference));
  std::sort(entries.begin(), entries.end(), [](const std::string& a, const std::string& b) { return natural_less(a, b); });
  return entries;
}

}  // namespace

Accounting account_tensors(const std::vector<TensorInfo>& expected, const std::vector<TensorInfo>& found, TypeRule rule) {
  const auto by_natural_order = [](const std::string& a, const std::string& b) { return natural_less(a, b); };
  std::map<std::string, const TensorInfo*, decltype(by_natural_order)> wanted(by_natural_order), present(by_natural_order);
  for (const TensorInfo& info : expected) wanted.emplace(info.name, &info);
  for (const TensorInfo& info : found) present.emplace(info.name, &info);
  Accounting accounting;
  accounting.expected = wanted.size();
  accounting.found = present.size();
  for (const auto& [name, info] : wanted) {
    const auto match = present.find(name);
    if (match == present.end()) {
      accounting.missing.push_back(name);
      continue;
    }
    const TensorInfo& other = *match->second;
    const bool types_fit = info->type == other.type || (rule == TypeRule::kFloating && is_floating(info->type) && is_floating(other.type));
    if (info->shape != other.shape || !types_fit) accounting.misshaped.push_back({*info, other});
  }
  for (const auto& [name, info] : present)
    if (wanted.count(name) == 0) accounting.extra.push_back(name);
  return accounting;
}

std::string Accounting::line(std::size_t shown) const {
  std::string text = fmt::format("expected {} tensors, found {}", expected, found);
  if (ok()) return text + ": all match";
  if (!missing.empty()) text += fmt::format("; {} missing: {}", missing.size(), joined(fold_names(missing), shown));
  if (!extra.empty()) text += fmt::format("; {} extra: {}", extra.size(), joined(fold_names(extra), shown));
  if (!misshaped.empty())
    text += fmt::format("; {} of another shape or type: {}", misshaped.size(), joined(difference_entries(misshaped), shown));
  return text;
}

void require_all_accounted(const Accounting& accounting, const std::string& where) {
  if (!accounting.ok()) throw data_error("{}: {}", where, accounting.line(static_cast<std::size_t>(-1)));
}

}  // namespace sluice::checkpoint
