#include "parallel/token_exchange.hpp"

#include "core/base/error.hpp"

namespace sluice::parallel {

#define SLUICE_EXCHANGE(kind, name, spans_ranks, make) std::shared_ptr<TokenExchange> make(const ExchangeGroup& group);
#include "parallel/plan/exchanges.inc"

std::shared_ptr<TokenExchange> make_exchange(ExchangeKind wanted, const ExchangeGroup& group) {
  const int size = group.ranks ? group.ranks->size() : 1;
  const ExchangeKind kind = resolve(wanted, size);
  if (size > 1 && !spans_ranks(kind))
    throw usage_error("exchange {} keeps tokens inside a rank, but {} ranks share the experts", name_of(kind), size);
  switch (kind) {
    case ExchangeKind::kAuto: break;
#define SLUICE_EXCHANGE(kind, name, spans_ranks, make) \
  case ExchangeKind::kind: return make(group);
#include "parallel/plan/exchanges.inc"
  }
  throw usage_error("exchange {} is none", static_cast<int>(kind));
}

}  // namespace sluice::parallel
