#include "parallel/comm/processors.hpp"

#include "core/base/error.hpp"
#include "tests/support/catch.hpp"

#include <vector>

using namespace sluice::parallel;

namespace {

ProcessorMask range(int first, int count) {
  ProcessorMask mask;
  for (int i = first; i < first + count; ++i) mask.set(static_cast<std::size_t>(i));
  return mask;
}

/// Threads of each rank of a node where nothing is asked for.
std::vector<int> threads(const std::vector<ProcessorMask>& masks) {
  std::vector<int> all;
  for (std::size_t rank = 0; rank < masks.size(); ++rank)
    all.push_back(threads_of_rank(0, nullptr, static_cast<int>(masks[rank].count()), num_sharing(masks, rank)));
  return all;
}

using Ints = std::vector<int>;

}  // namespace

TEST_CASE("ranks share the processors that they may run on, and no others") {
  // Not bound, on 8 processors.
  REQUIRE(threads({range(0, 8), range(0, 8)}) == Ints{4, 4});
  // A container with processors 62 and 63 of a big host.
  REQUIRE(threads({range(62, 2), range(62, 2)}) == Ints{1, 1});
  // Four ranks bound to two sockets of 16.
  REQUIRE(threads({range(0, 16), range(0, 16), range(16, 16), range(16, 16)}) == Ints{8, 8, 8, 8});
  // Each has a core with two hardware threads to itself.
  REQUIRE(threads({range(0, 2), range(2, 2), range(4, 2)}) == Ints{2, 2, 2});
  // More ranks than processors; one rank; masks that overlap in part.
  REQUIRE(threads({range(0, 2), range(0, 2), range(0, 2)}) == Ints{1, 1, 1});
  REQUIRE(threads({range(0, 6)}) == Ints{6});
  REQUIRE(threads({range(0, 4), range(2, 4), range(5, 3)}) == Ints{2, 1, 1});
  // A rank that could not learn its mask.
  REQUIRE(threads({ProcessorMask(), range(0, 4)}) == Ints{1, 4});
}

TEST_CASE("what the recipe or the environment asks for comes first") {
  REQUIRE(threads_of_rank(3, "5", 8, 2) == 3);
  REQUIRE(threads_of_rank(0, "5", 8, 2) == 5);
  REQUIRE(threads_of_rank(0, "5,2", 8, 2) == 5);
  REQUIRE(threads_of_rank(0, " 5 , 2 ", 8, 2) == 5);
  REQUIRE(threads_of_rank(0, " ", 8, 2) == 4);
  REQUIRE(threads_of_rank(0, "", 8, 2) == 4);
  REQUIRE(threads_of_rank(0, "4096", 8, 2) == 4096);
  // More than an int holds must not come out as some number or other.
  for (const char* text : {"4097", "5000000000", "99999999999999999999", "all", "-3", "0", "2x", "2,", "2,0", ","})
    REQUIRE_THROWS_AS(threads_of_rank(0, text, 8, 2), sluice::Error);
}
