// Lists ranks in messages briefly, and groups ranks by a value that should be the same on all of them.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <vector>

namespace sluice::recipes {

/// "rank 3 on node1", "ranks 0-3, 8 on node0, node2": the ascending `ranks` and their hosts, of which at most four are named.
std::string list_ranks(const std::vector<int>& ranks, const std::vector<std::string>& host_of_rank);

template <class Value>
struct RankGroup {
  Value value;
  std::vector<int> ranks;  // ascending
};

/// Groups `ranks` by value; values[i] is the value of rank ranks[i]. The largest group comes first; of equally large ones, that with the
/// lowest rank.
template <class Value>
std::vector<RankGroup<Value>> group_ranks(const std::vector<int>& ranks, const std::vector<Value>& values) {
  std::vector<RankGroup<Value>> groups;
  for (std::size_t i = 0; i < ranks.size(); ++i) {
    auto group = std::find_if(groups.begin(), groups.end(), [&](const auto& g) { return g.value == values[i]; });
    if (group == groups.end()) group = groups.insert(group, RankGroup<Value>{values[i], {}});
    group->ranks.push_back(ranks[i]);
  }
  std::stable_sort(groups.begin(), groups.end(), [](const auto& a, const auto& b) { return a.ranks.size() > b.ranks.size(); });
  return groups;
}

}  // namespace sluice::recipes
