#include "recipes/run/balance_window.hpp"

#include "tests/support/catch.hpp"

using namespace sluice::recipes;

TEST_CASE("a window sums counts and averages the steps' violations") {
  BalanceWindow window;
  window.add({{4, 0, 4, 0}, {2, 2, 2, 2}});
  window.add({{0, 4, 0, 4}, {8, 0, 0, 0}});
  window.add({{4, 4, 0, 0}, {2, 2, 2, 2}});
  CHECK(window.counts == std::vector<std::vector<std::int64_t>>{{8, 8, 4, 4}, {12, 4, 4, 4}});
  const WindowLoad load = measure_window(window);
  CHECK(load.steps == 3);
  CHECK(load.summed.dead == 0);  // every step had dead ones
  CHECK(load.summed.starved == 0);
  CHECK(load.summed.violations == std::vector<double>{8.0 / 6.0 - 1.0, 1.0});
  CHECK(load.summed.max_violation == 1.0);
  CHECK(load.mean_violations == std::vector<double>{1.0, 1.0});
}

TEST_CASE("an expert that no step of the window sends a token to is dead over it, one with a few is starved") {
  BalanceWindow window;
  for (int step = 0; step < 5; ++step) window.add({{10, 0, step == 2 ? 1 : 0, 10}});
  const WindowLoad load = measure_window(window);
  CHECK(load.summed.dead == 1);
  CHECK(load.summed.starved == 2);
}

TEST_CASE("a window goes on with the same figures from where it was kept") {
  BalanceWindow whole, first;
  const auto step = [](int i) { return std::vector<std::vector<std::int64_t>>{{7 + i, 3, 1}, {i, 2 * i + 1, 5}}; };
  for (int i = 0; i < 4; ++i) whole.add(step(i));
  for (int i = 0; i < 2; ++i) first.add(step(i));
  BalanceWindow resumed = first;
  for (int i = 2; i < 4; ++i) resumed.add(step(i));
  CHECK(resumed == whole);
}

TEST_CASE("windows are counted in a stage's steps; what is left at its end is one if it is half a window or all of it") {
  const auto ends = [](std::int64_t max_steps) {
    std::vector<std::int64_t> found;
    for (std::int64_t step = 1; step <= max_steps; ++step)
      if (window_ends(step, max_steps, 50)) found.push_back(step);
    return found;
  };
  CHECK(ends(100) == std::vector<std::int64_t>{50, 100});
  CHECK(ends(124) == std::vector<std::int64_t>{50, 100});
  CHECK(ends(125) == std::vector<std::int64_t>{50, 100, 125});
  CHECK(ends(7) == std::vector<std::int64_t>{7});
  CHECK(window_ends(1, 9, 1));
  CHECK(!window_ends(8, 9, 50));
}

TEST_CASE("a kept window belongs to a shape") {
  BalanceWindow window;
  CHECK(window.fits(2, 8));
  window.add({{1, 2, 3}, {4, 5, 6}});
  CHECK(window.fits(2, 3));
  CHECK(!window.fits(1, 3));
  CHECK(!window.fits(2, 4));
  window.violations.pop_back();
  CHECK(!window.fits(2, 3));
  CHECK(!BalanceWindow{0, {{1}}, {}}.fits(1, 1));
}
