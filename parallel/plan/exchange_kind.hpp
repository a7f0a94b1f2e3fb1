// The ways in which tokens travel to the ranks that own their experts, by name. Each is one file in parallel/ and one line in
// exchanges.inc.
#pragma once

#include "core/base/enum_names.hpp"

namespace sluice::parallel {

enum class ExchangeKind {
  kAuto,  // what the layout asks for: resolve()
#define SLUICE_EXCHANGE(kind, name, spans_ranks, make) kind,
#include "parallel/plan/exchanges.inc"
};

inline constexpr EnumName<ExchangeKind> kExchangeNames[] = {
    {ExchangeKind::kAuto, "auto"},
#define SLUICE_EXCHANGE(kind, name, spans_ranks, make) {ExchangeKind::kind, name},
#include "parallel/plan/exchanges.inc"
};
constexpr std::span<const EnumName<ExchangeKind>> names_of(ExchangeKind) { return kExchangeNames; }

/// Whether tokens reach experts of other ranks.
constexpr bool spans_ranks(ExchangeKind kind) {
  switch (kind) {
    case ExchangeKind::kAuto: return true;
#define SLUICE_EXCHANGE(kind, name, spans_ranks, make) \
  case ExchangeKind::kind: return spans_ranks;
#include "parallel/plan/exchanges.inc"
  }
  return false;
}

/// What is used where experts are shared by a group of `group_size` ranks: auto is local in a group of one, else flat.
constexpr ExchangeKind resolve(ExchangeKind wanted, int group_size) {
  if (wanted != ExchangeKind::kAuto) return wanted;
  return group_size == 1 ? ExchangeKind::kLocal : ExchangeKind::kFlat;
}

}  // namespace sluice::parallel
