#include "recipes/stages/routing_ledger.hpp"

#include "core/tensor/host_integers.hpp"
#include "parallel/tensor_sums.hpp"

namespace sluice::recipes {

at::Tensor RoutingLedger::differs_from(const RoutingLedger& other) const {
  at::Tensor differs;
  const auto add = [&](const at::Tensor& a, const at::Tensor& b) {
    const at::Tensor here = a.ne(b).any();
    differs = differs.defined() ? differs.bitwise_or(here) : here;
  };
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    add(slots_[i].rows, other.slots_[i].rows);
    add(slots_[i].children, other.slots_[i].children);
  }
  return differs.defined() ? differs.to(at::kLong) : differs;
}

void RoutingLedger::add(const std::vector<SlotStatistics>& statistics) {
  const bool first = slots_.empty();
  for (std::size_t i = 0; i < statistics.size(); ++i) {
    const SlotStatistics& s = statistics[i];
    SlotCounts local = {s.path, s.counts.sum(0), s.child_counts.sum(0), s.expert_counts.clone(), s.dropped.clone()};
    if (first) {
      slots_.push_back(std::move(local));
      continue;
    }
    slots_[i].rows.add_(local.rows);
    slots_[i].children.add_(local.children);
    slots_[i].experts.add_(local.experts);
    slots_[i].dropped.add_(local.dropped);
  }
}

void RoutingLedger::reduce(parallel::Communicator& world, std::int64_t step, const char* phase) {
  if (slots_.empty() || world.size() == 1) return;
  std::vector<at::Tensor> parts;
  for (const SlotCounts& slot : slots_) parts.insert(parts.end(), {slot.rows, slot.children, slot.experts, slot.dropped});
  at::Tensor all = at::cat(parts, 0).contiguous();
  parallel::sum_over(world, all, {"routing counts", step, "", phase});
  std::int64_t begin = 0;
  for (SlotCounts& slot : slots_) {
    for (at::Tensor* part : {&slot.rows, &slot.children, &slot.experts, &slot.dropped}) {
      *part = all.narrow(0, begin, part->numel()).clone();
      begin += part->numel();
    }
  }
}

std::vector<RoutingCounts> read_counts(const std::vector<const RoutingLedger*>& ledgers) {
  std::vector<RoutingCounts> counts(ledgers.size());
  std::vector<at::Tensor> parts;
  for (const RoutingLedger* ledger : ledgers)
    for (const SlotCounts& slot : ledger->slots()) parts.insert(parts.end(), {slot.experts, slot.dropped});
  if (parts.empty()) return counts;
  const std::vector<std::int64_t> values = integers_of(at::cat(parts, 0).contiguous());
  auto value = values.begin();
  for (std::size_t i = 0; i < ledgers.size(); ++i) {
    for (const SlotCounts& slot : ledgers[i]->slots()) {
      counts[i].experts.emplace_back(value, value + slot.experts.numel());
      value += slot.experts.numel();
      counts[i].dropped += *value++;
    }
  }
  return counts;
}

}  // namespace sluice::recipes
