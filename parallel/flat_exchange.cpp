#include "core/base/clock.hpp"
#include "core/base/error.hpp"
#include "core/tensor/host_integers.hpp"
#include "core/tensor/host_memory.hpp"
#include "parallel/exchange_node.hpp"
#include "parallel/token_exchange.hpp"

#include <numeric>

namespace sluice::parallel {
namespace {

class FlatRoute : public Route {
 public:
  FlatRoute(CommunicatorPtr group, std::vector<int> nodes, std::shared_ptr<ExchangeCounters> counters, const StepContext& context,
            const std::string& slot)
      : group_(std::move(group)), nodes_(std::move(nodes)), counters_(std::move(counters)), step_(context.step), slot_(slot) {
    phase = context.phase;
  }

  /// Tells every owner how many rows it gets for each of its experts, and finds the order of the rows received. It reads the counts of the
  /// plan on the host, which is the only time in a layer's forward pass that the host waits for the device of the rows.
  void exchange_counts() {
    const auto size = static_cast<std::size_t>(group_->size());
    const std::vector<std::int64_t> sent = integers_of(plan.counts);
    const std::size_t owned = sent.size() / size;
    std::vector<std::int64_t> received(sent.size());
    const Stopwatch watch;
    group_->start_exchange_counts(sent.data(), received.data(), owned, label("dispatch counts", phase)).finish();
    counters_->seconds += watch.seconds();
    send_rows_ = rows_per_member(sent, group_->size());
    const std::int64_t routed = std::accumulate(send_rows_.begin(), send_rows_.end(), std::int64_t{0});
    plan.order = plan.order.narrow(0, 0, routed);
    plan.token = plan.token.narrow(0, 0, routed);
    receive_rows_.assign(size, 0);
    std::vector<std::int64_t> rows_of_expert(owned, 0);
    for (std::size_t source = 0; source < size; ++source) {
      for (std::size_t e = 0; e < owned; ++e) {
        const std::int64_t rows = received[source * owned + e];
        if (rows < 0)
          throw communication_error("{}: rank {} announced {} rows for an expert", slot_, group_->world_rank(static_cast<int>(source)),
                                    rows);
        receive_rows_[source] += rows;
        rows_of_expert[e] += rows;
      }
    }
    // Rows arrive by (source, expert); they are computed by (expert, source).
    std::vector<std::int64_t> begin(size * owned + 1, 0);
    for (std::size_t i = 0; i < size * owned; ++i) begin[i + 1] = begin[i] + received[i];
    std::vector<std::int64_t> position(static_cast<std::size_t>(begin.back())), inverse(position.size());
    std::int64_t next = 0;
    for (std::size_t e = 0; e < owned; ++e) {
      for (std::size_t source = 0; source < size; ++source) {
        for (std::int64_t i = begin[source * owned + e]; i < begin[source * owned + e + 1]; ++i) {
          inverse[static_cast<std::size_t>(i)] = next;
          position[static_cast<std::size_t>(next++)] = i;
        }
      }
    }
    to_expert_order_ = integers_on(plan.counts.device(), position);
    to_arrival_order_ = integers_on(plan.counts.device(), inverse);
    counts = at::tensor(rows_of_expert, at::kLong);
  }

  at::Tensor to_owners(const at::Tensor& rows, const char* phase) override {
    return transfer(rows, send_rows_, receive_rows_, label("dispatch rows", phase)).index_select(0, to_expert_order_);
  }

  at::Tensor from_owners(const at::Tensor& rows, const char* phase) override {
    return transfer(rows.index_select(0, to_arrival_order_), receive_rows_, send_rows_, label("combine rows", phase));
  }

 private:
  OperationLabel label(const char* operation, const char* phase) const { return {operation, step_, slot_, phase}; }

  at::Tensor transfer(const at::Tensor& rows, const std::vector<std::int64_t>& send, const std::vector<std::int64_t>& receive,
                      OperationLabel label) {
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
    const Stopwatch watch;
    group_->start_all_to_all_v(sent.bytes().data(), send_bytes, received.bytes().data(), receive_bytes, label).finish();
    counters_->seconds += watch.seconds();
    received.give_back();
    return result;
  }

  CommunicatorPtr group_;
  std::vector<int> nodes_;
  std::shared_ptr<ExchangeCounters> counters_;
  std::int64_t step_;
  std::string slot_;
  std::vector<std::int64_t> send_rows_, receive_rows_;
  at::Tensor to_expert_order_, to_arrival_order_;
};

class FlatExchange : public TokenExchange {
 public:
  FlatExchange(CommunicatorPtr group, std::vector<int> nodes) : group_(std::move(group)), nodes_(std::move(nodes)) {}

  RoutePtr open(const RoutingPlan& plan, const StepContext& context, const std::string& slot) override {
    auto route = c10::make_intrusive<FlatRoute>(group_, nodes_, counters_, context, slot);
    route->plan = plan;
    route->exchange_counts();
    return route;
  }

 private:
  CommunicatorPtr group_;
  std::vector<int> nodes_;
};

}  // namespace

std::shared_ptr<TokenExchange> make_flat_exchange(const ExchangeGroup& group) {
  return std::make_shared<FlatExchange>(group.ranks, group.node_of_member);
}

}  // namespace sluice::parallel
