// How the ranks divide and copy the experts: arithmetic over (number of ranks, `expert`, nodes), with the same result on every rank.
//
// All ranks are data-parallel. They are divided into expert groups of `expert` ranks each. The members of one group share one copy of all
// experts: member m holds the contiguous block m. The ranks that hold the same block form a replica group.
//
//     8 ranks, expert 4:          member 0  1  2  3
//       expert group 0 (copy 0)         r0 r1 r2 r3
//       expert group 1 (copy 1)         r4 r5 r6 r7      replica group of member 2: r2, r6
//
// Wherever the launcher placed the ranks, as many expert groups as possible lie within one node, because the token exchange within an
// expert group is the heaviest traffic.
#pragma once

#include <span>
#include <vector>

namespace sluice::parallel {

/// A contiguous range [first, first + count) of experts or samples.
struct IndexRange {
  long long first = 0;
  long long count = 0;
  bool operator==(const IndexRange&) const = default;
};

/// The expert groups and replica groups of a set of ranks. Ranks are those of the communicator that the mesh is made for.
class Mesh {
 public:
  /// `node_of_rank` [num_ranks] names the node of each rank (any numbers, any order); empty means one node.
  /// Usage error (exit 2) if `expert` does not divide `num_ranks`, or if a number is below 1 or node_of_rank has another length.
  Mesh(int num_ranks, int expert, std::span<const int> node_of_rank = {});

  int num_ranks() const { return num_ranks_; }
  /// The number of members of an expert group.
  int expert() const { return expert_; }

  /// The ranks of expert group `group`, in member order (by node, then by rank).
  const std::vector<int>& expert_group(int group) const { return groups_[static_cast<std::size_t>(group)]; }
  /// The ranks that are member `member` of their expert group, in group order: they hold copies of the same experts.
  std::vector<int> replica_group(int member) const;

  /// The expert group of a rank, and its member number in that group.
  int expert_group_of(int rank) const { return group_of_[static_cast<std::size_t>(rank)]; }
  int expert_member_of(int rank) const { return member_of_[static_cast<std::size_t>(rank)]; }

 private:
  int num_ranks_ = 1;
  int expert_ = 1;
  std::vector<std::vector<int>> groups_;
  std::vector<int> group_of_, member_of_;
};

/// The contiguous block of experts that member `member` of an expert group of `expert` ranks owns. Usage error (exit 2) if `expert` does
/// not divide `num_experts`.
IndexRange experts_of_member(int num_experts, int expert, int member);
/// The group member that owns expert `expert_id`: expert_id / (num_experts / expert). The same usage error.
int owner_of_expert(int num_experts, int expert, int expert_id);

}  // namespace sluice::parallel
