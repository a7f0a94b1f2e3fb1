#include "parallel/comm/message_header.hpp"

#include "tests/support/catch.hpp"

#include <functional>

using namespace sluice;
using namespace sluice::parallel;

namespace {

OperationInfo some_operation() {
  const std::int32_t detail = reduction_detail(DType::kFloat32, ReduceOp::kSum);
  return {{"dispatch rows", 12, "layers.3.feed_forward", "forward"}, "world", 41, 24, 48, OperationKind::kAllReduce, detail};
}

}  // namespace

TEST_CASE("headers agree only about the same operation") {
  const MessageHeader ours = header_of(some_operation(), 24);
  REQUIRE(agree(ours, header_of(some_operation(), 24)));
  REQUIRE_FALSE(agree(ours, header_of(some_operation(), 16)));
  const std::vector<std::function<void(OperationInfo&)>> changes = {
      [](OperationInfo& info) { info.label.operation = "combine rows"; },
      [](OperationInfo& info) { info.label.step = 13; },
      [](OperationInfo& info) { info.label.slot = "layers.4.feed_forward"; },
      [](OperationInfo& info) { info.label.phase = "backward"; },
      [](OperationInfo& info) { info.sequence = 42; },
      [](OperationInfo& info) { info.kind = OperationKind::kAllGather; },
      [](OperationInfo& info) { info.kind = OperationKind::kReduceScatter; },
      [](OperationInfo& info) { info.detail = reduction_detail(DType::kFloat32, ReduceOp::kMax); },
      [](OperationInfo& info) { info.detail = reduction_detail(DType::kFloat64, ReduceOp::kSum); },
  };
  for (const auto& change : changes) {
    OperationInfo info = some_operation();
    change(info);
    REQUIRE_FALSE(agree(ours, header_of(info, 24)));
  }
}

TEST_CASE("names that differ only where they no longer fit still differ, and operation, slot and phase do not run together") {
  OperationInfo a = some_operation(), b = a;
  a.label.operation = "a name that is longer than the room that a header has for it, one";
  b.label.operation = "a name that is longer than the room that a header has for it, two";
  REQUIRE_FALSE(agree(header_of(a, 24), header_of(b, 24)));
  a.label.operation = "rows", a.label.phase = "forward";
  b.label.operation = "rowsf", b.label.phase = "orward";
  REQUIRE(header_of(a, 24).hash != header_of(b, 24).hash);
  a.label.operation = b.label.operation = "rows", a.label.phase = b.label.phase = "forward";
  a.label.slot = "fusion.the_longest_path_that_any_model_may_ever_have.1.feed_forward";
  b.label.slot = "fusion.the_longest_path_that_any_model_may_ever_have.2.feed_forward";
  REQUIRE_FALSE(agree(header_of(a, 24), header_of(b, 24)));
}

TEST_CASE("a header says where its sender is") {
  REQUIRE(describe(header_of(some_operation(), 24)) ==
          "'dispatch rows' (step 12, layers.3.feed_forward, forward, sequence 41; all-reduce of 24 bytes, sum of float32)");
  REQUIRE(describe(header_of({{"save tensor", 7, "", "save"}, "world"}, 8)) == "'save tensor' (step 7, save, message of 8 bytes)");
  OperationInfo scatter = some_operation();
  scatter.kind = OperationKind::kReduceScatter;
  REQUIRE(describe(header_of(scatter, 24)) ==
          "'dispatch rows' (step 12, layers.3.feed_forward, forward, sequence 41; reduce-scatter of 24 bytes, sum of float32)");
  OperationInfo parts{{"parameters", 7}, "world", 5};
  parts.kind = OperationKind::kAllGatherV;
  REQUIRE(describe(header_of(parts, 8)) == "'parameters' (step 7, sequence 5; all-gather-v of 8 bytes)");
  OperationInfo broadcast{{"verdict"}, "world", 2};
  broadcast.kind = OperationKind::kBroadcast;
  broadcast.detail = 1;
  REQUIRE(describe(header_of(broadcast, 8)) == "'verdict' (sequence 2; broadcast of 8 bytes from group rank 1)");
}
