#include "parallel/plan/mesh.hpp"

#include "core/base/error.hpp"

#include <algorithm>
#include <map>

namespace sluice::parallel {
namespace {

/// The ranks of each node. Nodes are in the order of their lowest rank, so that the result does not depend on how nodes are named.
std::vector<std::vector<int>> ranks_by_node(int num_ranks, std::span<const int> node_of_rank) {
  std::vector<std::vector<int>> nodes;
  std::map<int, std::size_t> index_of_node;
  for (int rank = 0; rank < num_ranks; ++rank) {
    const int node = node_of_rank.empty() ? 0 : node_of_rank[static_cast<std::size_t>(rank)];
    const auto [found, added] = index_of_node.try_emplace(node, nodes.size());
    if (added) nodes.emplace_back();
    nodes[found->second].push_back(rank);
  }
  return nodes;
}

}  // namespace

Mesh::Mesh(int num_ranks, int expert, std::span<const int> node_of_rank) : num_ranks_(num_ranks), expert_(expert) {
  if (num_ranks < 1) throw usage_error("a mesh needs at least one rank, not {}", num_ranks);
  if (expert < 1) throw usage_error("expert({}) must be at least 1", expert);
  if (num_ranks % expert != 0) throw usage_error("expert({}) does not divide {} ranks", expert, num_ranks);
  if (!node_of_rank.empty() && node_of_rank.size() != static_cast<std::size_t>(num_ranks))
    throw usage_error("the node layout names {} ranks, the mesh has {}", node_of_rank.size(), num_ranks);

  const auto nodes = ranks_by_node(num_ranks, node_of_rank);
  // Each node forms as many whole groups as it can. The ranks left over, node after node, form the groups that cross nodes.
  std::vector<int> left_over;
  const auto size = static_cast<std::size_t>(expert);
  for (const auto& ranks : nodes) {
    std::size_t begin = 0;
    for (; begin + size <= ranks.size(); begin += size) groups_.emplace_back(ranks.begin() + begin, ranks.begin() + begin + size);
    left_over.insert(left_over.end(), ranks.begin() + begin, ranks.end());
  }
  for (std::size_t begin = 0; begin < left_over.size(); begin += size)
    groups_.emplace_back(left_over.begin() + begin, left_over.begin() + begin + size);
  std::sort(groups_.begin(), groups_.end(),
            [](const auto& a, const auto& b) { return *std::min_element(a.begin(), a.end()) < *std::min_element(b.begin(), b.end()); });

  group_of_.resize(static_cast<std::size_t>(num_ranks));
  member_of_.resize(static_cast<std::size_t>(num_ranks));
  for (std::size_t group = 0; group < groups_.size(); ++group) {
    for (std::size_t member = 0; member < size; ++member) {
      const auto rank = static_cast<std::size_t>(groups_[group][member]);
      group_of_[rank] = static_cast<int>(group);
      member_of_[rank] = static_cast<int>(member);
    }
  }
}

std::vector<int> Mesh::replica_group(int member) const {
  std::vector<int> ranks;
  for (const auto& group : groups_) ranks.push_back(group[static_cast<std::size_t>(member)]);
  return ranks;
}

IndexRange experts_of_member(int num_experts, int expert, int member) {
  if (expert < 1 || num_experts % expert != 0) throw usage_error("num_experts({}) is not a multiple of expert({})", num_experts, expert);
  const long long each = num_experts / expert;
  return {member * each, each};
}

int owner_of_expert(int num_experts, int expert, int expert_id) {
  return expert_id / static_cast<int>(experts_of_member(num_experts, expert, 0).count);
}

}  // namespace sluice::parallel
