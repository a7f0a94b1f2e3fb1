#include "core/base/error.hpp"
#include "core/tensor/host_memory.hpp"
#include "parallel/exchange_functions.hpp"
#include "parallel/token_exchange.hpp"

#include <chrono>

namespace sluice::parallel {
namespace {

using Clock = std::chrono::steady_clock;

class FlatRoute : public Route {
 public:
  FlatRoute(CommunicatorPtr group, std::vector<int> nodes, std::shared_ptr<ExchangeCounters> counters, const StepContext& context, std::int64_t layer)
      : group_(std::move(group)), nodes_(std::move(nodes)), counters_(std::move(counters)), step_(context.step), layer_(layer) {
    phase = context.phase;
  }

  /// Tells every owner how many rows it gets for each of its experts, and works out where received rows belong.
  void exchange_counts() {
    const auto size = static_cast<std::size_t>(group_->size());
    const std::size_t owned = plan.counts.size() / size;
    std::vector<std::int64_t> received(plan.counts.size());
    const auto start = Clock::now();
    group_->start_exchange_counts(plan.counts.data(), received.data(), owned, label("dispatch counts", phase)).finish();
    counters_->seconds += std::chrono::duration<double>(Clock::now() - start).count();
    send_rows_ = rows_per_member(plan, group_->size());
    receive_rows_.assign(size, 0);
    counts.assign(owned, 0);
    for (std::size_t source = 0; source < size; ++source) {
      for (std::size_t e = 0; e < owned; ++e) {
        const std::int64_t rows = received[source * owned + e];
        if (rows < 0) throw communication_error("layer {}: rank {} announced {} rows for an expert", layer_, group_->world_rank(static_cast<int>(source)), rows);
        receive_rows_[source] += rows;
        counts[e] += rows;
      }
    }
    // Rows arrive by (source, expert); they are computed by (expert, source).
    std::vector<std::int64_t> begin(size * owned + 1, 0);
    for (std::size_t i = 0; i < size * owned; ++i) begin[i + 1] = begin[i] + received[i];
    to_expert_order_ = at::empty({begin.back()}, at::TensorOptions().dtype(at::kLong));
    to_arrival_order_ = at::empty_like(to_expert_order_);
    const HostMemory to_expert = from_host(to_expert_order_), to_arrival = from_host(to_arrival_order_);
    auto* position = to_expert.as<std::int64_t>().data();
    auto* inverse = to_arrival.as<std::int64_t>().data();
    std::int64_t next = 0;
    for (std::size_t e = 0; e < owned; ++e) {
      for (std::size_t source = 0; source < size; ++source) {
        for (std::int64_t i = begin[source * owned + e]; i < begin[source * owned + e + 1]; ++i) {
          inverse[i] = next;
          position[next++] = i;
        }
      }
    }
    to_expert.give_back();
    to_arrival.give_back();
  }

  at::Tensor to_owners(const at::Tensor& rows, const char* phase) override {
    return transfer(rows, send_rows_, receive_rows_, label("dispatch rows", phase)).index_select(0, to_expert_order_);
  }

  at::Tensor from_owners(const at::Tensor& rows, const char* phase) override {
    return transfer(rows.index_select(0, to_arrival_order_), receive_rows_, send_rows_, label("combine rows", phase));
  }

  std::vector<std::int64_t> counts;  // [L] rows per owned expert

 private:
  OperationLabel label(const char* operation, const char* phase) const { return {operation, step_, layer_, phase}; }

  at::Tensor transfer(const at::Tensor& rows, const std::vector<std::int64_t>& send, const std::vector<std::int64_t>& receive, OperationLabel label) {
    std::int64_t total = 0;
    for (const std::int64_t count : receive) total += count;
    std::vector<std::int64_t> shape = rows.sizes().vec();
    shape[0] = total;
    at::Tensor result = at::empty(shape, rows.options().requires_grad(false));
    std::int64_t row_bytes = static_cast<std::int64_t>(rows.element_size());
    for (std::size_t i = 1; i < shape.size(); ++i) row_bytes *= shape[i];
    std::vector<std::int64_t> send_bytes(send.size()), receive_bytes(receive.size());
    for (std::size_t i = 0; i < send.size(); ++i) {
      send_bytes[i] = send[i] * row_bytes;
      receive_bytes[i] = receive[i] * row_bytes;
      if (static_cast<int>(i) == group_->rank()) continue;
      (nodes_[i] == nodes_[static_cast<std::size_t>(group_->rank())] ? counters_->bytes_intra : counters_->bytes_inter) += send_bytes[i];
    }
    const HostMemory sent = to_host(rows.contiguous()), received = from_host(result);
    const auto start = Clock::now();
    group_->start_all_to_all_v(sent.bytes().data(), send_bytes, received.bytes().data(), receive_bytes, label).finish();
    counters_->seconds += std::chrono::duration<double>(Clock::now() - start).count();
    received.give_back();
    return result;
  }

  CommunicatorPtr group_;
  std::vector<int> nodes_;
  std::shared_ptr<ExchangeCounters> counters_;
  std::int64_t step_;
  std::int64_t layer_;
  std::vector<std::int64_t> send_rows_, receive_rows_;
  at::Tensor to_expert_order_, to_arrival_order_;
};

class FlatExchange : public TokenExchange {
 public:
  FlatExchange(CommunicatorPtr group, std::vector<int> nodes) : group_(std::move(group)), nodes_(std::move(nodes)) {}

  at::Tensor run(const at::Tensor& x, const at::Tensor& weights, const RoutingPlan& plan, const ExpertFunction& experts, const StepContext& context,
                 std::int64_t layer) override {
    auto route = c10::make_intrusive<FlatRoute>(group_, nodes_, counters_, context, layer);
    route->plan = plan;
    route->exchange_counts();
    const auto [rows, row_weights] = dispatch_rows(x, weights, route);
    return combine_rows(experts({rows, row_weights, route->counts}), route);
  }
  const char* name() const override { return "flat"; }

 private:
  CommunicatorPtr group_;
  std::vector<int> nodes_;
};

}  // namespace

ExchangeCounters predicted_bytes(const RoutingPlan& plan, const std::vector<int>& node_of_member, int self, std::int64_t row_bytes) {
  ExchangeCounters predicted;
  const auto rows = rows_per_member(plan, static_cast<int>(node_of_member.size()));
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (static_cast<int>(i) == self) continue;
    (node_of_member[i] == node_of_member[static_cast<std::size_t>(self)] ? predicted.bytes_intra : predicted.bytes_inter) += rows[i] * row_bytes;
  }
  return predicted;
}

std::shared_ptr<TokenExchange> make_flat_exchange(CommunicatorPtr group, std::vector<int> node_of_member) {
  return std::make_shared<FlatExchange>(std::move(group), std::move(node_of_member));
}

}  // namespace sluice::parallel
