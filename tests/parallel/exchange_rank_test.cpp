// The flat exchange against the local one computed by hand: rows, weights and gradients, and byte counters equal to the plan's.
#include "parallel/exchange_node.hpp"
#include "parallel/token_exchange.hpp"

#include "core/base/random.hpp"
#include "core/tensor/host_integers.hpp"
#include "tests/support/rank_check.hpp"
#include "tests/support/staged_memory.hpp"

using namespace sluice;
using namespace sluice::parallel;
using sluice::testing::world;

namespace {

constexpr std::int64_t kExperts = 16, kTopK = 2, kWidth = 5;

// Experts multiply by a number of their own, so that every element of every result is known.
double factor(std::int64_t expert) { return 1.0 + 0.5 * static_cast<double>(expert); }

// Rank r has r * 3 tokens (none on rank 0), and expert 3 gets none at all.
std::vector<std::int32_t> choices(int rank) {
  std::vector<std::int32_t> experts;
  for (std::int64_t i = 0; i < rank * 3 * kTopK; ++i) {
    auto expert =
        static_cast<std::int32_t>(random_uniform(random_key(4, "experts"), static_cast<std::uint64_t>(rank * 1000 + i)) * kExperts);
    if (expert == 3) expert = 9;
    experts.push_back(i % 11 == 10 ? -1 : expert);  // some are dropped
  }
  return experts;
}

at::Tensor numbers(std::int64_t rows, std::int64_t columns, int rank, const char* name) {
  at::Tensor t = at::empty({rows, columns}, at::TensorOptions().dtype(at::kDouble));
  for (std::int64_t i = 0; i < t.numel(); ++i)
    t.mutable_data_ptr<double>()[i] =
        static_cast<double>(static_cast<int>(random_uniform(random_key(9, name), static_cast<std::uint64_t>(rank * 10000 + i)) * 64)) / 8.0;
  return t;
}

void check_exchange(const std::vector<int>& node_of_member) {
  const int rank = world().rank(), size = world().size();
  const CommunicatorPtr group = world().world();
  const std::vector<std::int32_t> experts = choices(rank);
  const std::int64_t tokens = rank * 3, owned = kExperts / size;
  const at::Tensor chosen = at::tensor(std::vector<std::int64_t>(experts.begin(), experts.end()), at::kLong).view({tokens, kTopK});
  const RoutingPlan plan = make_routing_plan(chosen, kExperts);
  const std::vector<std::int64_t> counts = integers_of(plan.counts);
  at::Tensor x = numbers(tokens, kWidth, rank, "x");
  for (std::int64_t n = 0; n < tokens; ++n) x[n][0] = 64.0 * rank + static_cast<double>(n);  // the token's global order
  x.set_requires_grad(true);
  at::Tensor w = numbers(tokens, kTopK, rank, "w").set_requires_grad(true);
  const auto exchange = make_exchange(ExchangeKind::kFlat, {group, node_of_member});
  bool ordered = true;
  const at::Tensor y =
      exchange->run(x, w, exchange->open(plan, {7, "forward"}, "layers.0.feed_forward"), "forward", [&](const ExpertChunk& chunk) {
        std::vector<double> factors;
        const at::Tensor order = chunk.rows.detach().select(1, 0).contiguous();
        const std::vector<std::int64_t> received = integers_of(chunk.counts);
        for (std::int64_t e = 0; e < owned; ++e)
          for (std::int64_t i = 0; i < received[static_cast<std::size_t>(e)]; ++i) {
            const auto row = static_cast<std::int64_t>(factors.size());
            if (i > 0 && order[row].item<double>() < order[row - 1].item<double>()) ordered = false;
            factors.push_back(factor(rank * owned + e));
          }
        return chunk.rows * chunk.row_weights.unsqueeze(1) * at::tensor(factors, at::kDouble).unsqueeze(1);
      });
  REQUIRE_ALL_RANKS(ordered);  // rows of an expert stand by (token, k) of the whole group, never by arrival
  const at::Tensor dy = numbers(tokens, kWidth, rank, "dy");
  (y * dy).sum().backward();

  at::Tensor expected_y = at::zeros({tokens, kWidth}, at::kDouble), expected_dx = at::zeros({tokens, kWidth}, at::kDouble),
             expected_dw = at::zeros({tokens, kTopK}, at::kDouble);
  for (std::int64_t n = 0; n < tokens; ++n) {
    for (std::int64_t k = 0; k < kTopK; ++k) {
      const std::int32_t e = experts[static_cast<std::size_t>(n * kTopK + k)];
      if (e < 0) continue;
      const double weight = w[n][k].item<double>();
      expected_y[n] += x.detach()[n] * weight * factor(e);
      expected_dx[n] += dy[n] * weight * factor(e);
      expected_dw[n][k] = ((x.detach()[n] * dy[n]).sum() * factor(e)).item<double>();
    }
  }
  // Multiples of powers of two: sums are exact, whatever their order.
  REQUIRE_ALL_RANKS(at::equal(y.detach(), expected_y));
  REQUIRE_ALL_RANKS(at::equal(x.grad(), expected_dx));
  REQUIRE_ALL_RANKS(at::equal(w.grad(), expected_dw));

  // Rows travel four times (there and back, forward and backward), weights and their gradients once each.
  // What one rank sends back another had sent there, so the sums over ranks are equal.
  const auto predicted = [&](std::int64_t row_bytes) {
    ExchangeCounters bytes;
    const auto rows = rows_per_member(counts, static_cast<int>(node_of_member.size()));
    for (std::size_t i = 0; i < rows.size(); ++i) {
      if (static_cast<int>(i) == rank) continue;
      (node_of_member[i] == node_of_member[static_cast<std::size_t>(rank)] ? bytes.bytes_intra : bytes.bytes_inter) += rows[i] * row_bytes;
    }
    return bytes;
  };
  const ExchangeCounters rows = predicted(kWidth * 8);
  const ExchangeCounters weights = predicted(8);
  std::int64_t totals[4] = {exchange->counters().bytes_intra, 4 * rows.bytes_intra + 2 * weights.bytes_intra,
                            exchange->counters().bytes_inter, 4 * rows.bytes_inter + 2 * weights.bytes_inter};
  group->start_all_reduce(totals, 4, DType::kInt64, ReduceOp::kSum, {"bytes"}).finish();
  REQUIRE_EQUAL_ALL_RANKS(totals[0], totals[1]);
  REQUIRE_EQUAL_ALL_RANKS(totals[2], totals[3]);
  const bool crosses_nodes = node_of_member.front() != node_of_member.back();
  REQUIRE_EQUAL_ALL_RANKS(totals[2] > 0, crosses_nodes);
}

}  // namespace

TEST_CASE("flat exchange: results, gradients and bytes") { check_exchange(std::vector<int>(static_cast<std::size_t>(world().size()), 0)); }

TEST_CASE("flat exchange in memory that rows are copied to and from") {
  const testing::StagedMemory staged;
  check_exchange(std::vector<int>(static_cast<std::size_t>(world().size()), 0));
}

TEST_CASE("flat exchange over two nodes: the bytes between them are those of the plan") {
  std::vector<int> node_of_member;
  for (int member = 0; member < world().size(); ++member) node_of_member.push_back(2 * member / world().size());
  check_exchange(node_of_member);
}
