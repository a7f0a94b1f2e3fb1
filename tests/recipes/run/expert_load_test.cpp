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
        std::vector<std::string>{"layer  3  █·▄▄  max/mean 2.00  dead 1  starved 1", "layer 11  ····  no tokens  dead 4  starved 4"});
  CHECK(format_expert_load({{3, {10, 0, 5, 5}, {100, 1, 50, 49}, 10}, {4, {5, 5}, {5, 5}, 1}}) ==
        std::vector<std::string>{"layer  3  █·▄▄  max/mean 2.00  dead 1  starved 1; over 10 steps max/mean 2.00  dead 0  starved 1",
                                 "layer  4  ▄▄  max/mean 1.00  dead 0  starved 0"});
  CHECK(max_over_mean({4, 4}) == 1.0);
  CHECK(std::isnan(max_over_mean({0, 0})));
  CHECK(std::isnan(max_over_mean({})));
}

TEST_CASE("starved is fewer than a tenth of the mean, in integers; figures of all layers together") {
  CHECK(count_starved({1, 19, 10, 10}) == 0);  // a tenth is not fewer
  CHECK(count_starved({0, 1, 20, 20}) == 2);   // 1 of a mean of 10.25
  CHECK(count_starved({std::int64_t{1} << 52, (std::int64_t{1} << 52) + 1}) == 0);
  const LoadFigures load = measure_load({{10, 0, 5, 5}, {30, 1, 1, 8}});
  CHECK(load.violations == std::vector<double>{1.0, 2.0});
  CHECK(load.max_violation == 2.0);
  CHECK(load.dead == 1);
  CHECK(load.starved == 1);
  CHECK(measure_load({{5, 5}, {5, 5}}).max_violation == 0.0);
}
