#include "recipes/stages/rank_abilities.hpp"

#include "core/base/processor.hpp"
#include "core/tensor/dtype_map.hpp"
#include "recipes/stages/rank0.hpp"

#include <fmt/core.h>

#include <algorithm>

namespace sluice::recipes {
namespace {

// As it travels.
struct Message {
  std::int64_t native_bfloat16 = 0, avx512 = 0;
  char why_bfloat16[240] = {};
};

std::string products_of(bool native) { return native ? "native" : "in float32"; }

}  // namespace

std::vector<RankAbilities> use_common_abilities(parallel::World& world) {
  Message mine;
  on_all_ranks(world, "processor", [&] {
    const Bfloat16Products products = best_bfloat16_products();
    mine.native_bfloat16 = products.native;
    products.why.copy(mine.why_bfloat16, sizeof mine.why_bfloat16 - 1);
    mine.avx512 = this_processor().avx512;
  });
  std::vector<Message> all(static_cast<std::size_t>(world.size()));
  world.world()->start_all_gather(&mine, all.data(), sizeof mine, {"processors", -1, -1, "start"}).finish();
  std::vector<RankAbilities> ranks;
  for (std::size_t rank = 0; rank < all.size(); ++rank)
    ranks.push_back({world.layout().host_of_rank[rank], all[rank].native_bfloat16 != 0, all[rank].why_bfloat16, all[rank].avx512 != 0});
  set_native_bfloat16(choose_bfloat16(ranks).native);
  return ranks;
}

Bfloat16Choice choose_bfloat16(const std::vector<RankAbilities>& ranks, bool resumed, const std::string& stored) {
  const auto without = std::find_if(ranks.begin(), ranks.end(), [](const RankAbilities& rank) { return !rank.native_bfloat16; });
  const bool today = without == ranks.end();
  const RankAbilities& reason = today ? ranks.front() : *without;
  const bool same_everywhere = std::all_of(ranks.begin(), ranks.end(), [&](const RankAbilities& rank) { return rank.why_bfloat16 == reason.why_bfloat16; });
  const std::string why = same_everywhere ? reason.why_bfloat16 : fmt::format("rank {} on {}: {}", &reason - ranks.data(), reason.host, reason.why_bfloat16);
  const Bfloat16Choice anew{today, fmt::format("{}: {}", products_of(today), why)};
  if (!resumed) return anew;
  const bool known = !stored.empty();
  const bool before = known ? stored == stored_bfloat16(true)
                            : std::all_of(ranks.begin(), ranks.end(), [](const RankAbilities& rank) { return rank.avx512; });
  if (before == today) return anew;
  return {before, fmt::format("{} as {}; a new run here would compute them {}: {}", products_of(before),
                              known ? "the run began" : "the version that wrote the checkpoint does here", products_of(today), why)};
}

std::string stored_bfloat16(bool native) { return native ? "native" : "float32"; }

}  // namespace sluice::recipes
