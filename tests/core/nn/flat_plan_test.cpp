// Parameters at multiples of 64 bytes, whatever the ranks; a whole that they could share equally.
#include "core/nn/flat_plan.hpp"

#include "tests/support/catch.hpp"

using namespace sluice;

TEST_CASE("parameters begin at multiples of 64 bytes, in the order in which they came, for any number of ranks") {
  for (const std::int64_t ranks : {1, 3, 64}) {
    FlatPlan floats(sizeof(float), ranks), doubles(sizeof(double), ranks);
    CHECK(floats.whole() == ElementRange{0, 0});
    CHECK(floats.place(16) == ElementRange{0, 16});
    CHECK(floats.place(5) == ElementRange{16, 21});
    CHECK(floats.place(40) == ElementRange{32, 72});
    CHECK(floats.content() == ElementRange{0, 72});
    CHECK(doubles.place(5) == ElementRange{0, 5});
    CHECK(doubles.place(1) == ElementRange{8, 9});
    CHECK(doubles.content() == ElementRange{0, 9});
  }
}

TEST_CASE("the whole is the content and less padding than one unit for each rank, in as many units for each, and every rank owns it") {
  for (const std::int64_t ranks : {1, 2, 3, 8}) {
    for (const std::int64_t count : {0, 1, 16, 17, 100, 128, 1000}) {
      INFO(ranks << " ranks, " << count << " elements");
      FlatPlan plan(sizeof(float), ranks);
      plan.place(count);
      const ElementRange whole = plan.whole();
      CHECK(whole.begin == 0);
      CHECK(whole.end >= count);
      CHECK(whole.end - count < ranks * 16);
      CHECK(whole.end % (ranks * 16) == 0);
      CHECK(plan.owned() == whole);
    }
  }
}

TEST_CASE("an intersection is what both ranges have, and lies within the first where that is nothing") {
  CHECK(intersection({10, 20}, {0, 100}) == ElementRange{10, 20});
  CHECK(intersection({10, 20}, {12, 15}) == ElementRange{12, 15});
  CHECK(intersection({10, 20}, {0, 12}) == ElementRange{10, 12});
  CHECK(intersection({10, 20}, {19, 30}) == ElementRange{19, 20});
  CHECK(intersection({10, 20}, {0, 10}).count() == 0);
  CHECK(intersection({10, 20}, {25, 30}) == ElementRange{20, 20});
  CHECK(intersection({10, 20}, {0, 5}) == ElementRange{10, 10});
}
