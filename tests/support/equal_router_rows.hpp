// A router all of whose rows are equal, so that all scores of a token are: whatever the number of tokens, of experts and the element type,
// the lowest experts are chosen with equal weights. A score that differs in its last bit by where it stands shows as another choice.
#pragma once

#include "core/base/random.hpp"
#include "core/tensor/host_integers.hpp"
#include "moe/router.hpp"

#include <vector>

namespace sluice::testing {

/// How many choices and weights were wrong when such a router routed so many of 67 tokens, those from each place of `alone` on their own.
inline int wrong_choices_of_equal_rows(moe::ScoreFunction score, std::int64_t num_experts, const at::TensorOptions& options,
                                       const std::vector<std::int64_t>& together, const std::vector<std::int64_t>& alone) {
  constexpr std::int64_t width = 32, k = 2, tokens = 67;
  at::Tensor x = at::empty({tokens, width}, at::kDouble), row = at::empty({1, width}, at::kDouble);
  auto* values = static_cast<double*>(x.data_ptr());
  for (std::int64_t i = 0; i < x.numel(); ++i) values[i] = random_normal(random_key(6, "x"), static_cast<std::uint64_t>(i));
  for (std::int64_t i = 0; i < width; ++i) row[0][i] = 0.3 * random_normal(random_key(6, "row"), static_cast<std::uint64_t>(i));
  x = x.to(options);
  moe::MoeConfig config;
  config.num_experts = num_experts;
  config.top_k = k;
  config.score_func = score;
  moe::Router router(config, width, "layers.0", options);
  router.gate.value.copy_(row.expand({num_experts, width}));
  router.gate.refresh_compute(options.dtype().toScalarType());
  int wrong = 0;
  const auto look = [&](std::int64_t first, std::int64_t count) {
    const moe::Routing routing = router.route(x.narrow(0, first, count), RowTable({count}, {0}, options.device()));
    const std::vector<std::int64_t> chosen = integers_of(routing.experts);
    for (std::size_t i = 0; i < chosen.size(); ++i) wrong += chosen[i] != static_cast<std::int64_t>(i) % k;
    wrong += !routing.weights.select(1, 0).equal(routing.weights.select(1, 1));
  };
  for (const std::int64_t count : together) look(0, count);
  for (const std::int64_t first : alone) look(first, 1);
  return wrong;
}

}  // namespace sluice::testing
