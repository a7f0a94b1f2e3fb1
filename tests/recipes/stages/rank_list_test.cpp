#include "recipes/stages/rank_list.hpp"

#include "tests/support/catch.hpp"

using namespace sluice::recipes;

TEST_CASE("ranks are listed in ranges, with where they live") {
  const std::vector<std::string> hosts = {"a", "a", "b", "b", "c", "d", "e", "f"};
  CHECK(list_ranks({3}, hosts) == "rank 3 on b");
  CHECK(list_ranks({0, 1}, hosts) == "ranks 0-1 on a");
  CHECK(list_ranks({0, 2, 3, 4, 6}, hosts) == "ranks 0, 2-4, 6 on a, b, c, e");
  CHECK(list_ranks({0, 1, 2, 3, 4, 5, 6, 7}, hosts) == "ranks 0-7 on a, b, c, d and 2 more");
}

TEST_CASE("ranks are grouped by value, the largest group first") {
  const auto groups = group_ranks<int>({0, 2, 4, 6, 8}, {7, 9, 9, 8, 9});
  REQUIRE(groups.size() == 3);
  CHECK(groups[0].value == 9);
  CHECK(groups[0].ranks == std::vector<int>{2, 4, 8});
  CHECK(groups[1].ranks == std::vector<int>{0});
  CHECK(groups[2].ranks == std::vector<int>{6});
  const auto tie = group_ranks<int>({0, 1}, {9, 3});
  CHECK(tie[0].ranks == std::vector<int>{0});
}
