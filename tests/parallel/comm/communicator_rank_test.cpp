// Every operation with exact integers: what each rank sends is a function of (from, to, position), so what must arrive is known.
#include "parallel/comm/processors.hpp"
#include "tests/support/rank_check.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>
#include <vector>

using namespace sluice;
using namespace sluice::parallel;
using sluice::testing::world;

namespace {

OperationLabel label(const char* operation) { return {operation, 7, "layers.3.feed_forward", "forward"}; }

std::int64_t value(int from, int to, std::size_t i) { return 1000003LL * from + 1009LL * to + static_cast<std::int64_t>(i); }

/// Uneven and partly empty: 0 for a third of the pairs, else up to `most`.
std::size_t count_between(int from, int to, std::size_t most) {
  const std::size_t mix = static_cast<std::size_t>(from * 7 + to * 13);
  return mix % 3 == 0 ? 0 : mix % (most + 1);
}

void check_all_to_all(Communicator& group, std::size_t most) {
  const int size = group.size(), rank = group.rank();
  std::vector<std::int64_t> send, send_bytes, receive_bytes;
  for (int to = 0; to < size; ++to) {
    const std::size_t count = count_between(rank, to, most);
    for (std::size_t i = 0; i < count; ++i) send.push_back(value(rank, to, i));
    send_bytes.push_back(static_cast<std::int64_t>(count * 8));
  }
  std::vector<std::int64_t> expected;
  for (int from = 0; from < size; ++from) {
    const std::size_t count = count_between(from, rank, most);
    for (std::size_t i = 0; i < count; ++i) expected.push_back(value(from, rank, i));
    receive_bytes.push_back(static_cast<std::int64_t>(count * 8));
  }
  // One element behind the end shows an overrun.
  std::vector<std::int64_t> receive(expected.size() + 1, -1);
  group.start_all_to_all_v(send.data(), send_bytes, receive.data(), receive_bytes, label("rows")).finish();
  const bool overrun = receive.back() != -1;
  receive.pop_back();
  REQUIRE_ALL_RANKS(!overrun);
  REQUIRE_ALL_RANKS(receive == expected);
}

template <class T>
DType dtype();
template <>
DType dtype<float>() {
  return DType::kFloat32;
}
template <>
DType dtype<double>() {
  return DType::kFloat64;
}
template <>
DType dtype<std::int64_t>() {
  return DType::kInt64;
}

template <class T>
void check_all_reduce(Communicator& group, std::size_t count) {
  const int size = group.size(), rank = group.rank();
  const auto contribution = [](int from, std::size_t i) { return static_cast<T>((static_cast<int>(i % 101) - 50) * (from + 1)); };
  for (const ReduceOp op : {ReduceOp::kSum, ReduceOp::kMin, ReduceOp::kMax}) {
    std::vector<T> data(count + 1, T{-7});
    for (std::size_t i = 0; i < count; ++i) data[i] = contribution(rank, i);
    group.start_all_reduce(data.data(), count, dtype<T>(), op, label("reduce")).finish();
    std::size_t wrong = 0;
    for (std::size_t i = 0; i < count; ++i) {
      T expected = contribution(0, i);
      for (int from = 1; from < size; ++from) {
        const T next = contribution(from, i);
        expected = op == ReduceOp::kSum ? expected + next : op == ReduceOp::kMin ? std::min(expected, next) : std::max(expected, next);
      }
      wrong += data[i] != expected;
    }
    REQUIRE_EQUAL_ALL_RANKS(wrong, 0u);
    REQUIRE_ALL_RANKS(data.back() == T{-7});
  }
}

/// Uneven parts, some of them empty; with `most` 0 all.
std::vector<std::int64_t> uneven_parts(int size, std::size_t most) {
  std::vector<std::int64_t> parts;
  for (int each = 0; each < size; ++each) parts.push_back(static_cast<std::int64_t>(count_between(each, 1, most)));
  return parts;
}

template <class T>
void check_reduce_scatter(Communicator& group, const std::vector<std::int64_t>& counts) {
  const int size = group.size(), rank = group.rank();
  const auto contribution = [](int from, std::size_t i) { return static_cast<T>((static_cast<int>(i % 101) - 50) * (from + 1)); };
  const auto total = static_cast<std::size_t>(std::accumulate(counts.begin(), counts.end(), std::int64_t{0}));
  const auto own = static_cast<std::size_t>(std::accumulate(counts.begin(), counts.begin() + rank, std::int64_t{0}));
  const std::size_t own_end = own + static_cast<std::size_t>(counts[static_cast<std::size_t>(rank)]);
  for (const ReduceOp op : {ReduceOp::kSum, ReduceOp::kMin, ReduceOp::kMax}) {
    std::vector<T> data(total + 1, T{-7});
    for (std::size_t i = 0; i < total; ++i) data[i] = contribution(rank, i);
    group.start_reduce_scatter(data.data(), counts, dtype<T>(), op, label("scatter")).finish();
    std::size_t wrong = 0;
    for (std::size_t i = 0; i < total; ++i) {
      T expected = contribution(rank, i);  // other parts stay as they were
      for (int from = 0; from < size && i >= own && i < own_end; ++from) {
        const T next = contribution(from, i);
        if (from == 0) expected = next;
        else expected = op == ReduceOp::kSum ? expected + next : op == ReduceOp::kMin ? std::min(expected, next) : std::max(expected, next);
      }
      wrong += data[i] != expected;
    }
    REQUIRE_EQUAL_ALL_RANKS(wrong, 0u);
    REQUIRE_ALL_RANKS(data.back() == T{-7});
  }
}

void check_all_gather_v(Communicator& group, const std::vector<std::int64_t>& counts) {
  std::vector<std::int64_t> bytes, expected, own;
  std::size_t begin = 0;
  for (int from = 0; from < group.size(); ++from) {
    const auto count = static_cast<std::size_t>(counts[static_cast<std::size_t>(from)]);
    if (from == group.rank()) begin = expected.size();
    for (std::size_t i = 0; i < count; ++i) expected.push_back(value(from, 0, i));
    for (std::size_t i = 0; i < count && from == group.rank(); ++i) own.push_back(value(from, 0, i));
    bytes.push_back(static_cast<std::int64_t>(count * 8));
  }
  expected.push_back(-1);  // behind the end
  std::vector<std::int64_t> elsewhere(expected.size(), -1), in_place = elsewhere;
  group.start_all_gather_v(own.data(), elsewhere.data(), bytes, label("parts")).finish();
  REQUIRE_ALL_RANKS(elsewhere == expected);
  std::copy(own.begin(), own.end(), in_place.begin() + static_cast<std::ptrdiff_t>(begin));
  group.start_all_gather_v(in_place.data() + begin, in_place.data(), bytes, label("parts")).finish();
  REQUIRE_ALL_RANKS(in_place == expected);
}

void check_every_operation(Communicator& group) {
  const int size = group.size(), rank = group.rank();

  for (const std::size_t bytes : {std::size_t{0}, std::size_t{1}, std::size_t{100000}}) {
    for (int root = 0; root < size; ++root) {
      std::vector<unsigned char> data(bytes, rank == root ? static_cast<unsigned char>(root + 1) : 0);
      group.start_broadcast(data.data(), bytes, root, label("broadcast")).finish();
      REQUIRE_ALL_RANKS(std::count(data.begin(), data.end(), root + 1) == static_cast<std::ptrdiff_t>(bytes));
    }
  }

  for (const std::size_t count : {std::size_t{0}, std::size_t{1}, std::size_t{5000}}) {
    std::vector<std::int64_t> own(count), all(count * static_cast<std::size_t>(size), -1);
    for (std::size_t i = 0; i < count; ++i) own[i] = value(rank, 0, i);
    group.start_all_gather(own.data(), all.data(), count * 8, label("gather")).finish();
    std::size_t wrong = 0;
    for (int from = 0; from < size; ++from)
      for (std::size_t i = 0; i < count; ++i) wrong += all[static_cast<std::size_t>(from) * count + i] != value(from, 0, i);
    REQUIRE_EQUAL_ALL_RANKS(wrong, 0u);
  }

  for (const std::size_t count : {std::size_t{0}, std::size_t{1}, std::size_t{64}}) {
    std::vector<std::int64_t> send, receive(count * static_cast<std::size_t>(size), -1);
    for (int to = 0; to < size; ++to)
      for (std::size_t i = 0; i < count; ++i) send.push_back(value(rank, to, i));
    group.start_exchange_counts(send.data(), receive.data(), count, label("counts")).finish();
    std::size_t wrong = 0;
    for (int from = 0; from < size; ++from)
      for (std::size_t i = 0; i < count; ++i) wrong += receive[static_cast<std::size_t>(from) * count + i] != value(from, rank, i);
    REQUIRE_EQUAL_ALL_RANKS(wrong, 0u);
  }

  check_all_to_all(group, 0);
  check_all_to_all(group, 3);
  check_all_to_all(group, 20000);

  for (const std::size_t count : {std::size_t{0}, std::size_t{1}, std::size_t{3}, std::size_t{4099}}) {
    check_all_reduce<std::int64_t>(group, count);
    check_all_reduce<float>(group, count);
    check_all_reduce<double>(group, count);
  }

  // 700 elements fit into the head of a message, others of these parts do not.
  for (const std::size_t most : {std::size_t{0}, std::size_t{1}, std::size_t{700}, std::size_t{20000}}) {
    std::vector<std::int64_t> counts = uneven_parts(size, most);
    counts.back() += static_cast<std::int64_t>(most);
    check_reduce_scatter<std::int64_t>(group, counts);
    check_reduce_scatter<float>(group, counts);
    check_reduce_scatter<double>(group, counts);
    check_all_gather_v(group, counts);
  }

  // Around the ring, and to itself in a group of one.
  for (const std::size_t count : {std::size_t{0}, std::size_t{1}, std::size_t{50000}}) {
    const int to = (rank + 1) % size, from = (rank + size - 1) % size;
    std::vector<std::int64_t> send(count), receive(count, -1);
    for (std::size_t i = 0; i < count; ++i) send[i] = value(rank, to, i);
    Handle sending = group.start_send(send.data(), count * 8, to, label("ring"));
    Handle receiving = group.start_receive(receive.data(), count * 8, from, label("ring"));
    receiving.finish();
    sending.finish();
    std::size_t wrong = 0;
    for (std::size_t i = 0; i < count; ++i) wrong += receive[i] != value(from, rank, i);
    REQUIRE_EQUAL_ALL_RANKS(wrong, 0u);
  }
  group.start_barrier(label("barrier")).finish();
}

}  // namespace

TEST_CASE("every operation of the world moves the right values") { check_every_operation(*world().world()); }

TEST_CASE("every operation of a group moves the right values, groups at the same time") {
  const int half = world().size() >= 2 ? world().size() / 2 : 1;
  // Reversed key: ranks of the group run against ranks of the world.
  const CommunicatorPtr block = world().split(world().world(), world().rank() / half, -world().rank(), "block");
  REQUIRE_ALL_RANKS(block->name() == "block[" + std::to_string(world().rank() / half) + "]");
  REQUIRE_ALL_RANKS(block->world_rank(block->rank()) == world().rank());
  REQUIRE_ALL_RANKS(block->size() == 1 || block->world_rank(0) > block->world_rank(1));
  check_every_operation(*block);

  const CommunicatorPtr even = world().split(world().world(), world().rank() % 2 == 0 ? 5 : -1, world().rank(), "even");
  REQUIRE_ALL_RANKS((even != nullptr) == (world().rank() % 2 == 0));
  if (even) {
    std::int64_t one = 1;
    even->start_all_reduce(&one, 1, DType::kInt64, ReduceOp::kSum, label("members")).finish();
    CHECK(one == (world().size() + 1) / 2);
  }
}

TEST_CASE("the groups of a mesh are those of the plan") {
  for (int expert = 1; expert <= world().size(); expert *= 2) {
    const Mesh mesh(world().size(), expert, world().placement().node_of_rank);
    const MeshGroups groups = world().make_groups(mesh, world().world(), "test" + std::to_string(expert));
    REQUIRE_ALL_RANKS(groups.expert->size() == expert);
    REQUIRE_ALL_RANKS(groups.reduce_replica->size() == world().size() / expert);
    REQUIRE_ALL_RANKS(groups.expert->rank() == mesh.expert_member_of(world().rank()));
    REQUIRE_ALL_RANKS([&] {
      for (int member = 0; member < expert; ++member)
        if (groups.expert->world_rank(member) != mesh.expert_group(mesh.expert_group_of(world().rank()))[static_cast<std::size_t>(member)])
          return false;
      for (int group = 0; group < groups.reduce_replica->size(); ++group)
        if (groups.reduce_replica->world_rank(group) != mesh.replica_group(groups.expert->rank())[static_cast<std::size_t>(group)])
          return false;
      return true;
    }());
    for (const CommunicatorPtr& whole : {groups.all, groups.save, groups.reduce_all})
      REQUIRE_ALL_RANKS(whole->size() == world().size() && whole->rank() == world().rank() && whole->world_rank(0) == 0);
    const std::string prefix = "test" + std::to_string(expert);
    REQUIRE_ALL_RANKS(groups.save->name() == prefix + ".save[0]" && groups.reduce_all->name() == prefix + ".reduce_all[0]");
  }
}

TEST_CASE("messages longer than the limit travel in pieces") {
  // The limit of this program is 1 MiB.
  check_all_to_all(*world().world(), 700000);
  Communicator& group = *world().world();
  const std::size_t bytes = (std::size_t{5} << 20) / 2 + 13;
  std::vector<unsigned char> data(bytes);
  for (std::size_t i = 0; i < bytes && group.rank() == 0; ++i) data[i] = static_cast<unsigned char>(i * 31 >> 3);
  group.start_broadcast(data.data(), bytes, 0, label("long broadcast")).finish();
  std::size_t wrong = 0;
  for (std::size_t i = 0; i < bytes; ++i) wrong += data[i] != static_cast<unsigned char>(i * 31 >> 3);
  REQUIRE_EQUAL_ALL_RANKS(wrong, 0u);
  std::vector<unsigned char> all(bytes * static_cast<std::size_t>(group.size()));
  group.start_all_gather(data.data(), all.data(), bytes, label("long gather")).finish();
  REQUIRE_ALL_RANKS([&] {
    for (int from = 0; from < group.size(); ++from)
      if (std::memcmp(all.data() + static_cast<std::size_t>(from) * bytes, data.data(), bytes) != 0) return false;
    return true;
  }());
  // A part of 2.5 MiB and an empty one, where there are two.
  std::vector<std::int64_t> counts(static_cast<std::size_t>(group.size()), 0);
  counts[0] = 327680 + 3;
  counts.back() += 5;
  check_all_gather_v(group, counts);
  check_reduce_scatter<double>(group, counts);
}

TEST_CASE("a long all_reduce, of several blocks, is exact") {
  check_all_reduce<float>(*world().world(), 3 * (std::size_t{1} << 20) + 17);
  check_all_reduce<double>(*world().world(), (std::size_t{1} << 20) + 1);
}

TEST_CASE("all_reduce adds in rank order, with the same bits on every rank") {
  Communicator& group = *world().world();
  for (const std::size_t count : {std::size_t{100}, std::size_t{300000}}) {
    const auto contribution = [](int from, std::size_t i) {
      return std::ldexp(1.0f + static_cast<float>((i * 2654435761u + static_cast<unsigned>(from) * 40503u) % 8191) / 8191.0f,
                        static_cast<int>((i + static_cast<std::size_t>(from) * 5) % 40) - 20);
    };
    std::vector<float> data(count);
    for (std::size_t i = 0; i < count; ++i) data[i] = contribution(group.rank(), i);
    group.start_all_reduce(data.data(), count, DType::kFloat32, ReduceOp::kSum, label("bits")).finish();
    std::size_t wrong = 0;
    for (std::size_t i = 0; i < count; ++i) {
      float expected = contribution(0, i);
      for (int from = 1; from < group.size(); ++from) expected += contribution(from, i);
      wrong += std::memcmp(&expected, &data[i], sizeof expected) != 0;
    }
    REQUIRE_EQUAL_ALL_RANKS(wrong, 0u);
  }
}

TEST_CASE("min and max let a NaN through") {
  for (const ReduceOp op : {ReduceOp::kMin, ReduceOp::kMax}) {
    double data[2] = {static_cast<double>(world().rank()), 1.0};
    if (world().rank() == world().size() - 1) data[0] = std::numeric_limits<double>::quiet_NaN();
    world().world()->start_all_reduce(data, 2, DType::kFloat64, op, label("nan")).finish();
    REQUIRE_ALL_RANKS(std::isnan(data[0]) && data[1] == 1.0);
  }
}

TEST_CASE("many operations under way at once, finished in another order") {
  Communicator& group = *world().world();
  constexpr int kMany = 600;  // more than the tags' sequence numbers
  std::vector<std::int64_t> values(kMany);
  std::vector<std::vector<std::int64_t>> gathered(kMany, std::vector<std::int64_t>(static_cast<std::size_t>(group.size())));
  std::vector<Handle> handles;
  for (int i = 0; i < kMany; ++i) {
    values[static_cast<std::size_t>(i)] = group.rank() + i;
    auto* own = &values[static_cast<std::size_t>(i)];
    if (i % 2 == 0) handles.push_back(group.start_all_reduce(own, 1, DType::kInt64, ReduceOp::kSum, label("many")));
    else handles.push_back(group.start_all_gather(own, gathered[static_cast<std::size_t>(i)].data(), 8, label("many")));
  }
  for (int i = kMany - 1; i >= 0; --i) handles[static_cast<std::size_t>(i)].finish();
  int wrong = 0;
  const int size = group.size();
  for (int i = 0; i < kMany; ++i) {
    if (i % 2 == 0) wrong += values[static_cast<std::size_t>(i)] != size * (size - 1) / 2 + std::int64_t{i} * size;
    for (int from = 0; from < size && i % 2 == 1; ++from)
      wrong += gathered[static_cast<std::size_t>(i)][static_cast<std::size_t>(from)] != from + i;
  }
  REQUIRE_EQUAL_ALL_RANKS(wrong, 0);
}

TEST_CASE("wrong arguments are refused before anything is sent") {
  Communicator& group = *world().world();
  std::vector<std::int64_t> sizes(static_cast<std::size_t>(group.size()) + 1, 0);
  REQUIRE_ALL_RANKS([&] {
    int refused = 0;
    const auto expect = [&](auto&& call) {
      try {
        call();
      } catch (const Error&) {
        ++refused;
      }
    };
    std::int32_t data = 0;
    expect([&] { group.start_all_to_all_v(nullptr, sizes, nullptr, sizes, label("sizes")); });
    expect([&] { group.start_broadcast(&data, 1, group.size(), label("root")); });
    expect([&] { group.start_send(&data, 1, -1, label("peer")); });
    expect([&] { group.start_all_reduce(&data, 1, DType::kInt32, ReduceOp::kSum, label("dtype")); });
    expect([&] { group.start_reduce_scatter(&data, sizes, DType::kFloat32, ReduceOp::kSum, label("sizes")); });
    expect([&] { group.start_all_gather_v(&data, &data, sizes, label("sizes")); });
    sizes.pop_back();
    expect([&] { group.start_reduce_scatter(&data, sizes, DType::kInt32, ReduceOp::kSum, label("dtype")); });
    sizes.back() = -1;
    expect([&] { group.start_reduce_scatter(&data, sizes, DType::kFloat32, ReduceOp::kSum, label("negative")); });
    expect([&] { group.start_all_gather_v(&data, &data, sizes, label("negative")); });
    expect([&] { group.start_all_to_all_v(&data, sizes, &data, sizes, label("negative")); });
    expect([&] { world().split(world().world(), 0, 0, "verdicts"); });  // this program has a group of that name
    return refused == 11;
  }());
}

TEST_CASE("the placement of ranks on nodes covers all of them") {
  const NodePlacement& placement = world().placement();
  REQUIRE_ALL_RANKS(placement.node_of_rank.size() == static_cast<std::size_t>(world().size()));
  REQUIRE_ALL_RANKS(placement.node_of_rank[0] == 0 && !placement.host_of_rank.at(static_cast<std::size_t>(world().rank())).empty());
  const int here = placement.node_of_rank[static_cast<std::size_t>(world().rank())];
  REQUIRE_ALL_RANKS(std::count(placement.node_of_rank.begin(), placement.node_of_rank.end(), here) == placement.local_size);
  REQUIRE_ALL_RANKS(std::count(placement.node_of_rank.begin(), placement.node_of_rank.begin() + world().rank(), here) ==
                    placement.local_rank);
  std::vector<ProcessorMask> masks(placement.node_of_rank.size());
  const ProcessorMask own = usable_processors();
  world().world()->start_all_gather(&own, masks.data(), sizeof own, label("masks")).finish();
  int sharing = 1;
  for (std::size_t rank = 0; rank < masks.size(); ++rank)
    sharing += static_cast<int>(rank) != world().rank() && placement.node_of_rank[rank] == here && (masks[rank] & own).any();
  REQUIRE_EQUAL_ALL_RANKS(placement.sharing_ranks, sharing);
}
