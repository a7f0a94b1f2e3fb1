#include "core/checkpoint/name_order.hpp"

#include "tests/support/catch.hpp"

#include <algorithm>

using namespace sluice::checkpoint;

TEST_CASE("names with numbers are ordered as people count") {
  const std::vector<std::string> ordered = {"", "a", "a.2", "a.2.b", "a.02.b", "a.10", "a.10.a", "a.b", "a0", "a9", "a10", "b", "é"};
  for (std::size_t i = 0; i < ordered.size(); ++i)
    for (std::size_t j = 0; j < ordered.size(); ++j) {
      INFO(ordered[i] << " and " << ordered[j]);
      // "02" and "2" count alike; the shorter spelling of the later text decides.
      if (i != j && (ordered[i] == "a.02.b" || ordered[j] == "a.02.b") && (ordered[i] == "a.2.b" || ordered[j] == "a.2.b")) {
        CHECK(natural_less(ordered[i], ordered[j]) != natural_less(ordered[j], ordered[i]));
        continue;
      }
      CHECK(natural_less(ordered[i], ordered[j]) == (i < j));
    }
}

TEST_CASE("lists of names fold into ranges without losing or inventing one") {
  const auto fold = [](std::vector<std::string> names) { return fold_names(std::move(names)); };
  using Names = std::vector<std::string>;
  CHECK(fold({}) == Names{});
  CHECK(fold({"norm.weight"}) == Names{"norm.weight"});
  CHECK(fold({"l.10.w", "l.9.w", "l.8.w", "l.0.w"}) == Names{"l.{0,8-10}.w"});
  CHECK(fold({"l.0.e.0.w1", "l.0.e.1.w1", "l.1.e.0.w1", "l.1.e.1.w1"}) == Names{"l.{0-1}.e.{0-1}.w1"});
  CHECK(fold({"l.0.e.0.w", "l.0.e.1.w", "l.1.e.0.w"}) == Names{"l.0.e.{0-1}.w", "l.1.e.0.w"});
  CHECK(fold({"l.007.w", "l.7.w"}) == Names{"l.007.w", "l.7.w"});
}
