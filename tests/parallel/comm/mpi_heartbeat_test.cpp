#include "parallel/comm/mpi_heartbeat.hpp"

#include "tests/support/catch.hpp"

#include <set>

using namespace sluice::parallel;

TEST_CASE("beats of all ranks are as many messages as there are ranks, twice, and reach everybody") {
  for (int size = 1; size <= 64; ++size) {
    std::size_t messages = 0;
    std::set<int> reached;
    for (int rank = 0; rank < size; ++rank)
      for (const int to : beats_to(rank, size)) {
        REQUIRE((to != rank && to >= 0 && to < size));
        ++messages;
        reached.insert(to);
      }
    REQUIRE(messages == static_cast<std::size_t>(2 * (size - 1)));
    REQUIRE(reached.size() == static_cast<std::size_t>(size == 1 ? 0 : size));
  }
}

TEST_CASE("what has come to a rank follows from what each has sent") {
  const std::vector<std::int64_t> sent = {5, 1, 2, 4};
  REQUIRE(MpiHeartbeat::expected(0, sent) == 7);
  for (const int rank : {1, 2, 3}) REQUIRE(MpiHeartbeat::expected(rank, sent) == 5);
}
