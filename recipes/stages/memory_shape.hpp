// Collects what the memory estimate (recipes/run/memory_estimate.hpp) needs to know of a stage's model, its layout and its batch.
#pragma once

#include "parallel/plan/exchange_kind.hpp"
#include "recipes/convert/model_description.hpp"
#include "recipes/run/memory_estimate.hpp"
#include "recipes/stages/layout.hpp"

#include <cstdint>

namespace sluice::recipes {

/// How much a rank computes at once, and how.
struct RankLoad {
  std::int64_t micro_batch_size = 1;  // sequences in a micro-batch, at most
  std::int64_t local_batch_size = 1;  // sequences of a rank in a step
  std::int64_t seq_length = 1;
  std::int64_t threads = 1;
  at::Device device = at::kCPU;
  parallel::ExchangeKind exchange = parallel::ExchangeKind::kAuto;
  Recompute recompute = Recompute::kNone;
};

/// All fields but origin_parameters, which the caller sets.
MemoryShape memory_shape(const ModelDescription& model, const Layout& layout, const RankLoad& load);

}  // namespace sluice::recipes
