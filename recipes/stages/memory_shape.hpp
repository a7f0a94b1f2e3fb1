// What the memory estimate needs to know of a stage's model, its layout and its batch.
#pragma once

#include "parallel/plan/exchange_kind.hpp"
#include "recipes/convert/model_description.hpp"
#include "recipes/run/memory_estimate.hpp"
#include "recipes/stages/layout.hpp"

#include <cstdint>

namespace sluice::recipes {

/// What a rank computes at once, and how.
struct RankLoad {
  std::int64_t micro_batch_size = 1;  // at most, of `local_batch_size` sequences a step
  std::int64_t local_batch_size = 1;
  std::int64_t seq_length = 1;
  std::int64_t threads = 1;
  parallel::ExchangeKind exchange = parallel::ExchangeKind::kAuto;
};

MemoryShape memory_shape(const ModelDescription& model, const Layout& layout, const RankLoad& load);

}  // namespace sluice::recipes
