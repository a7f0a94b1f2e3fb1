#include "recipes/run/expert_load.hpp"

#include "tests/support/catch.hpp"

#include <cmath>

using namespace sluice::recipes;

TEST_CASE("bars are relative to an even load") {
  CHECK(load_bars({5, 5, 5, 5}) == "▄▄▄▄");
  CHECK(load_bars({10, 0, 5, 5}) == "█·▄▄");
  CHECK(load_bars({1000, 1, 1, 1}) == "█▁▁▁");
  CHECK(load_bars({0, 0}) == "··");
  CHECK(load_bars({}) == "");
}

TEST_CASE("more experts than room: neighbours share a character, no expert is lost") {
  std::vector<std::int64_t> counts(128, 10);
  counts[77] = 1000;
  const std::string bars = load_bars(counts, 64);
  std::string expected;
  for (int i = 0; i < 64; ++i) expected += i == 38 ? "█" : "▂";
  CHECK(bars == expected);
  CHECK(load_bars({0, 9, 9}, 2) == "·▆");
}

TEST_CASE("lines") {
  CHECK(format_expert_load({{3, {10, 0, 5, 5}}, {11, {0, 0, 0, 0}}}) ==
        std::vector<std::string>{"layer  3  █·▄▄  max/mean 2.00  dead 1", "layer 11  ····  no tokens  dead 4"});
  CHECK(max_over_mean({4, 4}) == 1.0);
  CHECK(std::isnan(max_over_mean({0, 0})));
  CHECK(std::isnan(max_over_mean({})));
}
