#include "parallel/plan/mesh.hpp"

#include "core/base/error.hpp"
#include "tests/support/catch.hpp"

#include <numeric>
#include <set>

using namespace sluice;
using namespace sluice::parallel;

namespace {

template <class Function>
std::string message_of(Function&& function, ExitCode code) {
  try {
    function();
  } catch (const Error& error) {
    CHECK(error.code() == code);
    return error.what();
  }
  return "nothing was thrown";
}

using Ranks = std::vector<int>;

}  // namespace

TEST_CASE("expert groups are consecutive ranks on one node, replica groups the same member of each") {
  const Mesh mesh(8, 4);
  REQUIRE(mesh.expert_group(0) == Ranks{0, 1, 2, 3});
  REQUIRE(mesh.expert_group(1) == Ranks{4, 5, 6, 7});
  REQUIRE(mesh.replica_group(2) == Ranks{2, 6});
  REQUIRE(mesh.expert_group_of(6) == 1);
  REQUIRE(mesh.expert_member_of(6) == 2);
}

TEST_CASE("expert groups are packed into nodes first when ranks are dealt round-robin") {
  const Ranks nodes = {0, 1, 0, 1, 0, 1, 0, 1};
  const Mesh mesh(8, 4, nodes);
  REQUIRE(mesh.expert_group(0) == Ranks{0, 2, 4, 6});
  REQUIRE(mesh.expert_group(1) == Ranks{1, 3, 5, 7});
}

TEST_CASE("a group larger than a node takes whole nodes, members ordered by node") {
  const Ranks nodes = {7, 3, 7, 3, 5, 9, 5, 9};
  const Mesh mesh(8, 4, nodes);
  REQUIRE(mesh.expert_group(0) == Ranks{0, 2, 1, 3});
  REQUIRE(mesh.expert_group(1) == Ranks{4, 6, 5, 7});
}

TEST_CASE("left-over ranks of uneven nodes form the groups that cross nodes") {
  const Ranks nodes = {0, 0, 0, 1, 2, 2, 2, 2};  // 3 + 1 + 4 ranks, groups of 2
  const Mesh mesh(8, 2, nodes);
  REQUIRE(mesh.expert_group(0) == Ranks{0, 1});
  REQUIRE(mesh.expert_group(1) == Ranks{2, 3});
  REQUIRE(mesh.expert_group(2) == Ranks{4, 5});
  REQUIRE(mesh.expert_group(3) == Ranks{6, 7});
}

TEST_CASE("every mesh partitions its ranks, for any layout") {
  for (const int ranks : {1, 2, 4, 6, 8, 12, 24}) {
    for (int expert = 1; expert <= ranks; ++expert) {
      if (ranks % expert != 0) continue;
      for (const int num_nodes : {1, 2, 3, 5}) {
        Ranks nodes(static_cast<std::size_t>(ranks));
        for (int rank = 0; rank < ranks; ++rank) nodes[static_cast<std::size_t>(rank)] = (rank * 7 + rank / 3) % num_nodes;
        const Mesh mesh(ranks, expert, nodes);
        std::set<int> seen;
        REQUIRE(mesh.replica_group(0).size() == static_cast<std::size_t>(ranks / expert));
        for (int group = 0; group < ranks / expert; ++group) {
          REQUIRE(mesh.expert_group(group).size() == static_cast<std::size_t>(expert));
          for (int member = 0; member < expert; ++member) {
            const int rank = mesh.expert_group(group)[static_cast<std::size_t>(member)];
            REQUIRE(seen.insert(rank).second);
            REQUIRE(mesh.expert_group_of(rank) == group);
            REQUIRE(mesh.expert_member_of(rank) == member);
            REQUIRE(mesh.replica_group(member)[static_cast<std::size_t>(group)] == rank);
          }
        }
        REQUIRE(static_cast<int>(seen.size()) == ranks);
      }
    }
  }
}

TEST_CASE("what does not fit is said as arithmetic") {
  REQUIRE(message_of([] { Mesh(8, 3); }, ExitCode::kUsage) == "expert(3) does not divide 8 ranks");
  REQUIRE(message_of([] { Mesh(2, 4); }, ExitCode::kUsage) == "expert(4) does not divide 2 ranks");
  REQUIRE(message_of([] { Mesh(2, 0); }, ExitCode::kUsage) == "expert(0) must be at least 1");
  const Ranks nodes = {0, 0, 0};
  REQUIRE(message_of([&] { Mesh(4, 2, nodes); }, ExitCode::kUsage) == "the node layout names 3 ranks, the mesh has 4");
  REQUIRE(message_of([] { experts_of_member(6, 4, 0); }, ExitCode::kUsage) == "num_experts(6) is not a multiple of expert(4)");
}

TEST_CASE("experts are contiguous blocks and their owner is found by division") {
  REQUIRE(experts_of_member(16, 4, 3) == IndexRange{12, 4});
  for (const int expert : {1, 2, 4, 8})
    for (int id = 0; id < 8; ++id) {
      const int owner = owner_of_expert(8, expert, id);
      const IndexRange block = experts_of_member(8, expert, owner);
      REQUIRE((id >= block.first && id < block.first + block.count));
    }
}
