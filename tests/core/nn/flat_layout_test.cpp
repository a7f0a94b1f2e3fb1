// Parameters at multiples of 64 bytes, whatever the ranks; equal shares that cover the buffer.
#include "core/nn/flat_layout.hpp"

#include "tests/support/catch.hpp"

using namespace sluice;

TEST_CASE("parameters begin at multiples of 64 bytes, in the order in which they came, for any number of ranks") {
  for (const std::int64_t ranks : {1, 3, 64}) {
    FlatLayout floats(sizeof(float), {ranks, 0}), doubles(sizeof(double), {ranks, 0});
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

TEST_CASE("shares are equal, multiples of 64 bytes, and follow one another through the whole buffer") {
  for (const std::int64_t size : {1, 2, 3, 8}) {
    for (const std::int64_t count : {0, 1, 16, 17, 100, 128, 1000}) {
      INFO(size << " ranks, " << count << " elements");
      std::int64_t end = 0;
      for (std::int64_t rank = 0; rank < size; ++rank) {
        FlatLayout layout(sizeof(float), {size, rank});
        layout.place(count);
        CHECK(layout.share().begin == end);
        CHECK(layout.share().count() * size == layout.whole().count());
        CHECK(layout.share().count() % 16 == 0);
        CHECK(layout.whole().count() - count < size * 16);
        CHECK(layout.owned() == layout.whole());
        end = layout.share().end;
        if (rank == size - 1) CHECK(end == layout.whole().count());
      }
      CHECK(end >= count);
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
