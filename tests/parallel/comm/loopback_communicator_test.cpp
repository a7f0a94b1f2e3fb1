#include "parallel/comm/loopback_communicator.hpp"

#include "core/base/error.hpp"
#include "parallel/comm/reduce_in_order.hpp"
#include "parallel/comm/world.hpp"
#include "tests/support/catch.hpp"

#include <cmath>
#include <cstdlib>
#include <limits>
#include <vector>

using namespace sluice;
using namespace sluice::parallel;

TEST_CASE("a group of one moves everything to itself") {
  const CommunicatorPtr group = make_loopback_communicator("alone");
  REQUIRE((group->name() == "alone" && group->rank() == 0 && group->size() == 1 && group->world_rank(0) == 0));
  const std::vector<std::int64_t> send = {1, 2, 3};
  std::vector<std::int64_t> receive(3, 0);
  group->start_all_gather(send.data(), receive.data(), 24, {"gather"}).finish();
  REQUIRE(receive == send);
  receive.assign(3, 0);
  group->start_exchange_counts(send.data(), receive.data(), 3, {"counts"}).finish();
  REQUIRE(receive == send);
  receive.assign(3, 0);
  const std::vector<std::int64_t> sizes = {24}, other = {16}, negative = {-8}, two = {8, 16};
  group->start_all_to_all_v(send.data(), sizes, receive.data(), sizes, {"rows"}).finish();
  REQUIRE(receive == send);
  REQUIRE_THROWS_AS(group->start_all_to_all_v(send.data(), sizes, receive.data(), other, {"rows"}), Error);
  REQUIRE_THROWS_AS(group->start_broadcast(receive.data(), 24, 1, {"broadcast"}), Error);
  receive.assign(3, 0);
  group->start_all_gather_v(send.data(), receive.data(), sizes, {"parts"}).finish();
  REQUIRE(receive == send);
  group->start_all_gather_v(receive.data(), receive.data(), sizes, {"in place"}).finish();
  const std::vector<std::int64_t> count = {3};
  group->start_reduce_scatter(receive.data(), count, DType::kInt64, ReduceOp::kSum, {"scatter"}).finish();
  REQUIRE(receive == send);
  REQUIRE(group->reduce_scatter_buffer_bytes(24) == 0);
  for (const auto& wrong : {negative, two}) {
    REQUIRE_THROWS_AS(group->start_all_gather_v(send.data(), receive.data(), wrong, {"parts"}), Error);
    REQUIRE_THROWS_AS(group->start_reduce_scatter(receive.data(), wrong, DType::kInt64, ReduceOp::kSum, {"scatter"}), Error);
  }
  REQUIRE_THROWS_AS(group->start_reduce_scatter(receive.data(), count, DType::kInt32, ReduceOp::kSum, {"dtype"}), Error);
}

TEST_CASE("messages to itself keep their order, a receive may start first") {
  const CommunicatorPtr group = make_loopback_communicator("alone");
  int first = 1, second = 2, a = 0, b = 0;
  Handle receive_a = group->start_receive(&a, sizeof a, 0, {"self"});
  group->start_send(&first, sizeof first, 0, {"self"}).finish();
  group->start_send(&second, sizeof second, 0, {"self"}).finish();
  Handle receive_b = group->start_receive(&b, sizeof b, 0, {"self"});
  receive_b.finish();
  receive_a.finish();
  REQUIRE((a == 1 && b == 2));
  // A message is only for the operation that it was sent for.
  group->start_send(&first, sizeof first, 0, {"self", 3}).finish();
  REQUIRE_THROWS_AS(group->start_receive(&a, sizeof a, 0, {"self", 4}), PeerError);
}

TEST_CASE("a receive without a send is an error when it is waited for") {
  const CommunicatorPtr group = make_loopback_communicator("alone");
  int a = 0;
  Handle never = group->start_receive(&a, sizeof a, 0, {"nothing sent"});
  REQUIRE_THROWS_AS(never.finish(), Error);
}

TEST_CASE("a world started alone needs no MPI") {
  if (std::getenv("OMPI_COMM_WORLD_SIZE") != nullptr) return;  // started by mpirun: the rank tests cover that
  const auto world = World::start();
  REQUIRE(world->backend() == "loopback");
  REQUIRE((world->size() == 1 && world->placement().num_nodes == 1 && world->placement().local_size == 1));
  REQUIRE(world->split(world->world(), 2, 0, "expert")->name() == "expert[2]");
  REQUIRE(world->split(world->world(), -1, 0, "nobody") == nullptr);
  const MeshGroups groups = world->make_groups(Mesh(1, 1), world->world());
  REQUIRE((groups.expert->size() == 1 && groups.reduce_replica->size() == 1));
  REQUIRE((groups.save->name() == "mesh.save[0]" && groups.reduce_all->name() == "mesh.reduce_all[0]"));
  REQUIRE_THROWS_AS(world->make_groups(Mesh(2, 1), world->world()), Error);
  // A report names a group: two of one name could not be told apart.
  REQUIRE_THROWS_AS(world->split(world->world(), 3, 0, "expert"), Error);
  REQUIRE_THROWS_AS(world->make_groups(Mesh(1, 1), world->world()), Error);
  world->shutdown();
}

TEST_CASE("reduction is left to right, element by element") {
  const std::vector<float> a = {1e8f, 1, 5}, b = {-1e8f, 2, 6}, c = {1, 3, std::numeric_limits<float>::quiet_NaN()};
  const void* sources[] = {a.data(), b.data(), c.data()};
  std::vector<float> out(3);
  reduce_in_order(out.data(), sources, 3, DType::kFloat32, ReduceOp::kSum);
  REQUIRE((out[0] == 1.0f && out[1] == 6.0f && std::isnan(out[2])));
  const void* reversed[] = {c.data(), b.data(), a.data()};
  reduce_in_order(out.data(), reversed, 3, DType::kFloat32, ReduceOp::kSum);
  REQUIRE(out[0] == 0.0f);  // 1 is lost beside -1e8: the order is what was asked for
  reduce_in_order(out.data(), reversed, 3, DType::kFloat32, ReduceOp::kMax);
  REQUIRE((out[0] == 1e8f && out[1] == 3.0f && std::isnan(out[2])));
  const std::vector<std::int64_t> most = {std::numeric_limits<std::int64_t>::max()}, one = {1};
  const void* integers[] = {most.data(), one.data()};
  std::int64_t wrapped = 0;
  reduce_in_order(&wrapped, integers, 1, DType::kInt64, ReduceOp::kSum);
  REQUIRE(wrapped == std::numeric_limits<std::int64_t>::min());
  REQUIRE_THROWS_AS(reduce_in_order(&wrapped, integers, 1, DType::kBFloat16, ReduceOp::kSum), Error);
}

TEST_CASE("a handle is finished when it is replaced or destroyed") {
  struct Counting final : Handle::State {
    int& finished;
    explicit Counting(int& count) : finished(count) {}
    void finish() override { ++finished; }
  };
  int finished = 0;
  {
    Handle handle(std::make_unique<Counting>(finished));
    handle = Handle(std::make_unique<Counting>(finished));
    REQUIRE(finished == 1);
    Handle moved = std::move(handle);
    moved.finish();
    moved.finish();
    REQUIRE(finished == 2);
    Handle left(std::make_unique<Counting>(finished));
  }
  REQUIRE(finished == 3);
}
