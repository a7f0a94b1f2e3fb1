// Groups of the same ranks have no order between them: what a mesh does in several of them at once may start in any.
#include "tests/support/rank_check.hpp"

#include <algorithm>
#include <functional>
#include <vector>

using namespace sluice;
using namespace sluice::parallel;
using sluice::testing::world;

namespace {

OperationLabel label(const char* operation) { return {operation, 3, "", "train"}; }

/// Short and long data: the latter take several messages.
constexpr std::size_t kCounts[] = {1, 200000};

}  // namespace

TEST_CASE("two groups of the same ranks, entered in another order by every other rank") {
  const CommunicatorPtr train = world().split(world().world(), 0, world().rank(), "order.train");
  const CommunicatorPtr save = world().split(world().world(), 0, world().rank(), "order.save");
  const int size = world().size(), rank = world().rank();
  for (const std::size_t count : kCounts) {
    std::vector<std::int64_t> sums(count, rank), part(count, rank), all(count * static_cast<std::size_t>(size), -1);
    const std::vector<std::int64_t> bytes(static_cast<std::size_t>(size), static_cast<std::int64_t>(count * 8));
    std::vector<Handle> handles;
    const auto start_train = [&] {
      handles.push_back(train->start_all_reduce(sums.data(), count, DType::kInt64, ReduceOp::kSum, label("sum")));
    };
    const auto start_save = [&] { handles.push_back(save->start_all_gather_v(part.data(), all.data(), bytes, label("parts"))); };
    if (rank % 2 == 0) {
      start_train();
      start_save();
    } else {
      start_save();
      start_train();
    }
    for (Handle& handle : handles) handle.finish();
    REQUIRE_ALL_RANKS(std::count(sums.begin(), sums.end(), size * (size - 1) / 2) == static_cast<std::ptrdiff_t>(count));
    std::size_t wrong = 0;
    for (std::size_t i = 0; i < all.size(); ++i) wrong += all[i] != static_cast<std::int64_t>(i / count);
    REQUIRE_EQUAL_ALL_RANKS(wrong, 0u);
  }
}

TEST_CASE("a save, reductions, an exchange and control of a mesh, started in another order by every rank") {
  const int size = world().size(), rank = world().rank();
  for (int expert = 1; expert <= size; expert *= 2) {
    const Mesh mesh(size, expert);
    const MeshGroups groups = world().make_groups(mesh, world().world(), "orders" + std::to_string(expert));
    const std::int64_t replicas = groups.reduce_replica->size();
    const auto everybody = static_cast<std::size_t>(size), members = static_cast<std::size_t>(expert);
    for (const std::size_t count : kCounts) {
      std::vector<std::int64_t> control = {1}, dense(count * everybody, 1), experts(count, 1), saved(count, rank == 0 ? 5 : 0);
      std::vector<std::int64_t> sent(count * members, rank), received(sent.size(), -1);
      const std::vector<std::int64_t> counts(everybody, static_cast<std::int64_t>(count));
      const std::vector<std::int64_t> bytes(members, static_cast<std::int64_t>(count * 8));
      const std::vector<std::function<Handle()>> starts = {
          [&] { return groups.all->start_all_reduce(control.data(), 1, DType::kInt64, ReduceOp::kSum, label("control")); },
          [&] { return groups.save->start_broadcast(saved.data(), count * 8, 0, label("save")); },
          [&] { return groups.reduce_all->start_reduce_scatter(dense.data(), counts, DType::kInt64, ReduceOp::kSum, label("dense")); },
          [&] { return groups.reduce_replica->start_all_reduce(experts.data(), count, DType::kInt64, ReduceOp::kSum, label("experts")); },
          [&] { return groups.expert->start_all_to_all_v(sent.data(), bytes, received.data(), bytes, label("rows")); },
      };
      std::vector<Handle> handles;
      for (std::size_t i = 0; i < starts.size(); ++i) handles.push_back(starts[(i + static_cast<std::size_t>(rank)) % starts.size()]());
      for (Handle& handle : handles) handle.finish();
      REQUIRE_ALL_RANKS(control[0] == size);
      const auto number = static_cast<std::ptrdiff_t>(count);
      REQUIRE_ALL_RANKS(std::count(saved.begin(), saved.end(), 5) == number);
      const auto own = dense.begin() + rank * number;
      REQUIRE_ALL_RANKS(std::count(own, own + number, size) == number);
      REQUIRE_ALL_RANKS(std::count(experts.begin(), experts.end(), replicas) == number);
      std::size_t wrong = 0;
      for (std::size_t i = 0; i < received.size(); ++i) wrong += received[i] != groups.expert->world_rank(static_cast<int>(i / count));
      REQUIRE_EQUAL_ALL_RANKS(wrong, 0u);
    }
  }
}
