#include "recipes/stages/rank_list.hpp"

#include "core/base/counted.hpp"

#include <fmt/format.h>

namespace sluice::recipes {

std::string list_ranks(const std::vector<int>& ranks, const std::vector<std::string>& host_of_rank) {
  std::string text;
  std::vector<std::string> hosts;
  for (std::size_t i = 0; i < ranks.size();) {
    std::size_t end = i + 1;
    while (end < ranks.size() && ranks[end] == ranks[end - 1] + 1) ++end;
    text += fmt::format("{}{}", text.empty() ? "" : ", ", ranks[i]);
    if (end - i > 1) text += fmt::format("-{}", ranks[end - 1]);
    i = end;
  }
  for (const int rank : ranks) {
    const std::string& host = host_of_rank[static_cast<std::size_t>(rank)];
    if (std::find(hosts.begin(), hosts.end(), host) == hosts.end()) hosts.push_back(host);
  }
  constexpr std::size_t kNamed = 4;
  const std::size_t more = hosts.size() > kNamed ? hosts.size() - kNamed : 0;
  hosts.resize(hosts.size() - more);
  const std::string others = more ? fmt::format(" and {} more", more) : "";
  return fmt::format("{} {} on {}{}", plural(ranks.size(), "rank"), text, fmt::join(hosts, ", "), others);
}

}  // namespace sluice::recipes
