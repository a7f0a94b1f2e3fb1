// What an exchange says of itself on the wire: the phase of the pass it belongs to, not of the one it usually is.
#include "parallel/exchange_node.hpp"
#include "parallel/token_exchange.hpp"

#include "parallel/comm/loopback_communicator.hpp"
#include "tests/support/catch.hpp"

#include <set>
#include <string>

using namespace sluice;
using namespace sluice::parallel;

namespace {

using Labels = std::set<std::string>;

/// A group of one that notes the labels of what an exchange starts.
class Recorder final : public Communicator {
 public:
  Labels labels;

  const std::string& name() const override { return group_->name(); }
  int rank() const override { return 0; }
  int size() const override { return 1; }
  int world_rank(int) const override { return 0; }
  Handle start_exchange_counts(const std::int64_t* send, std::int64_t* receive, std::size_t count, OperationLabel label) override {
    note(label);
    return group_->start_exchange_counts(send, receive, count, label);
  }
  Handle start_all_to_all_v(const void* send, std::span<const std::int64_t> send_bytes, void* receive,
                            std::span<const std::int64_t> receive_bytes, OperationLabel label) override {
    note(label);
    return group_->start_all_to_all_v(send, send_bytes, receive, receive_bytes, label);
  }
  Handle start_all_reduce(void*, std::size_t, DType, ReduceOp, OperationLabel) override { return {}; }
  Handle start_reduce_scatter(void*, std::span<const std::int64_t>, DType, ReduceOp, OperationLabel) override { return {}; }
  Handle start_broadcast(void*, std::size_t, int, OperationLabel) override { return {}; }
  Handle start_all_gather(const void*, void*, std::size_t, OperationLabel) override { return {}; }
  Handle start_all_gather_v(const void*, void*, std::span<const std::int64_t>, OperationLabel) override { return {}; }
  Handle start_send(const void*, std::size_t, int, OperationLabel) override { return {}; }
  Handle start_receive(void*, std::size_t, int, OperationLabel) override { return {}; }
  Handle start_barrier(OperationLabel) override { return {}; }

 private:
  void note(const OperationLabel& label) { labels.insert(std::string(label.operation) + ", " + label.phase); }

  CommunicatorPtr group_ = make_loopback_communicator("alone");
};

Labels labels_of(const StepContext& context, bool backward) {
  const auto recorder = std::make_shared<Recorder>();
  const auto exchange = make_exchange(ExchangeKind::kFlat, {recorder, {0}});
  const at::Tensor x = at::ones({3, 2}, at::kDouble).set_requires_grad(backward);
  const at::Tensor weights = at::ones({3, 1}, at::kDouble).set_requires_grad(backward);
  const RoutingPlan plan = make_routing_plan(at::tensor({1, 0, 1}, at::kLong).view({3, 1}), 2);
  const ExpertFunction experts = [](const ExpertChunk& chunk) { return chunk.rows * chunk.row_weights.unsqueeze(1); };
  const at::Tensor y = exchange->run(x, weights, exchange->open(plan, context, "layers.0.feed_forward"), context.phase, experts);
  if (backward) y.sum().backward();
  return recorder->labels;
}

}  // namespace

TEST_CASE("transfers carry the phase of their pass") {
  REQUIRE(labels_of({5, "prepass"}, false) == Labels{"dispatch counts, prepass", "dispatch rows, prepass", "combine rows, prepass"});
  REQUIRE(labels_of({5, "eval"}, false) == Labels{"dispatch counts, eval", "dispatch rows, eval", "combine rows, eval"});
  REQUIRE(labels_of({5, "forward"}, true) == Labels{"dispatch counts, forward", "dispatch rows, forward", "combine rows, forward",
                                                    "dispatch rows, backward", "combine rows, backward"});
}
