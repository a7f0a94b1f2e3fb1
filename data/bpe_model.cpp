#include "data/bpe_model.hpp"

#include <algorithm>
#include <limits>
#include <utility>

namespace sluice::data {

namespace {

constexpr std::uint32_t kNoRank = std::numeric_limits<std::uint32_t>::max();
constexpr std::size_t kNone = std::numeric_limits<std::size_t>::max();
constexpr std::size_t kShort = 48;  // bytes up to which scanning all pairs beats a heap

}  // namespace

BpeModel::BpeModel(const std::array<std::int32_t, 256>& byte_ids, const std::vector<BpeMerge>& merges,
                   std::unordered_map<std::string, std::int32_t> whole)
    : byte_ids_(byte_ids), rules_(merges.size()), whole_(std::move(whole)) {
  for (std::size_t i = 0; i < merges.size(); ++i)
    rules_[pair_key(merges[i].left, merges[i].right)] = {static_cast<std::uint32_t>(i), merges[i].result};
  for (const auto& [piece, id] : whole_) longest_whole_ = std::max(longest_whole_, piece.size());
  bytewise_ = merges.empty() && longest_whole_ <= 1;
}

void BpeModel::encode(std::string_view piece, BpeScratch& scratch, std::vector<std::int32_t>& ids) const {
  if (piece.size() <= longest_whole_) {
    if (const auto found = whole_.find(std::string(piece)); found != whole_.end()) {
      ids.push_back(found->second);
      return;
    }
  }
  if (piece.size() <= kShort) encode_short(piece, scratch, ids);
  else encode_long(piece, scratch, ids);
}

void BpeModel::encode_short(std::string_view piece, BpeScratch& scratch, std::vector<std::int32_t>& ids) const {
  auto& [symbols, results, ranks, before, after, heap] = scratch;
  std::size_t size = piece.size();
  symbols.resize(std::max(symbols.size(), size));
  results.resize(symbols.size());
  ranks.resize(symbols.size());
  for (std::size_t i = 0; i < size; ++i) symbols[i] = byte_id(piece[i]);
  // ranks[i] and results[i] belong to the pair (i, i + 1).
  const auto look = [&, &symbols = symbols, &results = results, &ranks = ranks](std::size_t i) {
    const Rule* rule = i + 1 < size ? rules_.find(pair_key(symbols[i], symbols[i + 1])) : nullptr;
    ranks[i] = rule ? rule->rank : kNoRank;
    results[i] = rule ? rule->result : 0;
  };
  for (std::size_t i = 0; i < size; ++i) look(i);
  while (size > 1) {
    std::size_t best = 0;
    for (std::size_t i = 1; i + 1 < size; ++i)
      if (ranks[i] < ranks[best]) best = i;
    if (ranks[best] == kNoRank) break;
    symbols[best] = results[best];
    for (std::size_t i = best + 1; i + 1 < size; ++i) {
      symbols[i] = symbols[i + 1];
      ranks[i] = ranks[i + 1];
      results[i] = results[i + 1];
    }
    --size;
    look(best);
    if (best > 0) look(best - 1);
  }
  ids.insert(ids.end(), symbols.begin(), symbols.begin() + static_cast<std::ptrdiff_t>(size));
}

void BpeModel::encode_long(std::string_view piece, BpeScratch& scratch, std::vector<std::int32_t>& ids) const {
  auto& [symbols, results, ranks, before, after, heap] = scratch;
  const std::size_t size = piece.size();
  symbols.resize(std::max(symbols.size(), size));
  results.resize(symbols.size());
  ranks.resize(symbols.size());
  before.resize(std::max(before.size(), size));
  after.resize(std::max(after.size(), size));
  heap.clear();
  const auto later = [](const BpeScratch::Candidate& a, const BpeScratch::Candidate& b) {
    return a.rank != b.rank ? a.rank > b.rank : a.position > b.position;
  };
  for (std::size_t i = 0; i < size; ++i) {
    symbols[i] = byte_id(piece[i]);
    before[i] = i == 0 ? kNone : i - 1;
    after[i] = i + 1 == size ? kNone : i + 1;
  }
  // ranks[i] is that of the pair that now begins at i; a candidate of another rank is stale.
  const auto look = [&, &symbols = symbols, &results = results, &ranks = ranks, &after = after](std::size_t i) {
    const Rule* rule = after[i] != kNone ? rules_.find(pair_key(symbols[i], symbols[after[i]])) : nullptr;
    ranks[i] = rule ? rule->rank : kNoRank;
    results[i] = rule ? rule->result : 0;
    return rule != nullptr;
  };
  for (std::size_t i = 0; i < size; ++i)
    if (look(i)) heap.push_back({ranks[i], i});
  std::make_heap(heap.begin(), heap.end(), later);
  const auto push = [&, &heap = heap, &ranks = ranks](std::size_t i) {
    if (!look(i)) return;
    heap.push_back({ranks[i], i});
    std::push_heap(heap.begin(), heap.end(), later);
  };
  while (!heap.empty()) {
    std::pop_heap(heap.begin(), heap.end(), later);
    const auto [rank, i] = heap.back();
    heap.pop_back();
    if (ranks[i] != rank) continue;
    const std::size_t gone = after[i];
    symbols[i] = results[i];
    ranks[gone] = kNoRank;
    after[i] = after[gone];
    if (after[gone] != kNone) before[after[gone]] = i;
    push(i);
    if (before[i] != kNone) push(before[i]);
  }
  for (std::size_t i = 0; i != kNone; i = after[i]) ids.push_back(symbols[i]);
}

}  // namespace sluice::data
