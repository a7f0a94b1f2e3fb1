#include "moe/plan/conversion.hpp"

#include "core/base/error.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace sluice::moe {

#define SLUICE_CONVERSION(kind, stage, method, rule) const ConversionRule& rule();
#include "moe/plan/conversions/list.inc"

namespace {

bool is_feed_forward(const TensorId& leaf) {
  switch (leaf.part) {
    case TensorPart::kFeedForward:
    case TensorPart::kRouter:
    case TensorPart::kExpert:
    case TensorPart::kSharedExperts: return true;
    default: return false;
  }
}

// An expert can be sent at most T tokens of a sequence, so a capacity of T drops none.
bool may_drop(const MoeConfig& moe) {
  return moe.capacity_factor > 0 && moe.capacity_factor * static_cast<double>(moe.top_k) < static_cast<double>(moe.num_experts);
}

}  // namespace

const ConversionRule& rule_of(ConversionKind kind) {
  switch (kind) {
#define SLUICE_CONVERSION(kind, stage, method, rule) \
  case ConversionKind::kind: return rule();
#include "moe/plan/conversions/list.inc"
  }
  throw usage_error("conversion {} is none", static_cast<int>(kind));
}

std::string_view method_of(ConversionKind kind) {
  switch (kind) {
#define SLUICE_CONVERSION(kind, stage, method, rule) \
  case ConversionKind::kind: return method;
#include "moe/plan/conversions/list.inc"
  }
  throw usage_error("conversion {} is none", static_cast<int>(kind));
}

std::int64_t ConversionRule::expert_width(const DecoderConfig&, const MoeConfig&) const { return 0; }

std::int64_t ConversionRule::num_shards(const Conversion&) const { return 1; }

Exactness exactness(const Conversion& conversion) {
  for (const MoeConfig* moe : {&conversion.after, conversion.before ? &*conversion.before : nullptr})
    if (conversion.kind != ConversionKind::kFlatten && moe != nullptr && may_drop(*moe))
      return {false, fmt::format("capacity_factor({}) drops tokens", moe->capacity_factor)};
  return rule_of(conversion.kind).exactness(conversion);
}

std::int64_t num_shards(const Conversion& conversion) { return rule_of(conversion.kind).num_shards(conversion); }

std::optional<LeafPlan> plan_leaf(const Conversion& conversion, const TensorId& leaf, const std::vector<std::int64_t>& shape) {
  const auto& layers = conversion.after.layers;
  if (!is_feed_forward(leaf) || std::find(layers.begin(), layers.end(), layer_number(leaf.layer)) == layers.end()) return std::nullopt;
  return rule_of(conversion.kind).plan(conversion, leaf, shape);
}

}  // namespace sluice::moe
