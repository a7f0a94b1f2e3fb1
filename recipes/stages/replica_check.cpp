#include "recipes/stages/replica_check.hpp"

#include "core/checkpoint/checksum.hpp"
#include "core/tensor/host_memory.hpp"
#include "recipes/stages/model_io.hpp"
#include "recipes/stages/rank_list.hpp"

#include <ATen/Parallel.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <numeric>
#include <span>
#include <string>
#include <vector>

namespace sluice::recipes {
namespace {

using checkpoint::Checksum;

// Tensors that the same ranks hold, in an order that is the same on all of them.
struct Shared {
  std::vector<std::string> names;
  std::vector<at::Tensor> values;
  std::vector<Checksum> digests;

  void add(const std::string& name, const at::Tensor& value) {
    names.push_back(name);
    values.push_back(value);
  }
  void digest() {
    digests.resize(values.size());
    at::parallel_for(0, static_cast<std::int64_t>(values.size()), 1, [&](std::int64_t begin, std::int64_t end) {
      for (auto i = static_cast<std::size_t>(begin); i < static_cast<std::size_t>(end); ++i) {
        const HostMemory memory = to_host(values[i]);
        digests[i] = checkpoint::checksum_of(memory.bytes());
      }
    });
  }
  Checksum whole() const { return checkpoint::checksum_of(std::as_bytes(std::span(digests))); }
};

class Check {
 public:
  Check(parallel::World& world, TrainModel& model, const Layout& layout, std::int64_t step) : world_(world), layout_(layout), step_(step) {
    for (Parameter* p : model.parameters.all()) {
      Shared& shared = p->replication == Replication::kWorld ? dense_ : experts_;
      for (const Leaf& leaf : p->leaves) shared.add(leaf.name, p->view(p->value, leaf));
    }
    for (const auto& [name, tensor] : routing_state(model)) dense_.add(name, tensor.contiguous());
    dense_.digest();
    experts_.digest();
  }

  void run() {
    const std::array<Checksum, 2> mine = {dense_.whole(), experts_.whole()};
    const auto all = gather(mine.data(), mine.size());
    std::vector<int> everybody(static_cast<std::size_t>(layout_.size()));
    std::iota(everybody.begin(), everybody.end(), 0);
    if (!agree(all, everybody, 2, 0)) name_first(dense_, everybody);
    for (int member = 0; member < layout_.mesh->expert(); ++member) {
      std::vector<int> copies = layout_.mesh->replica_group(member);
      std::sort(copies.begin(), copies.end());
      if (!agree(all, copies, 2, 1)) name_first(experts_, copies);
    }
  }

 private:
  // `count` digests of each rank, in rank order.
  std::vector<Checksum> gather(const Checksum* mine, std::size_t count) {
    std::vector<Checksum> all(count * static_cast<std::size_t>(layout_.size()));
    layout_.save->start_all_gather(mine, all.data(), count * sizeof(Checksum), {"replica digests", step_, "", "save"}).finish();
    return all;
  }

  // Digest `index` of the `count` of each rank, for some ranks.
  static std::vector<Checksum> column(const std::vector<Checksum>& all, const std::vector<int>& ranks, std::size_t count,
                                      std::size_t index) {
    std::vector<Checksum> values;
    for (const int rank : ranks) values.push_back(all[static_cast<std::size_t>(rank) * count + index]);
    return values;
  }
  static bool agree(const std::vector<Checksum>& all, const std::vector<int>& ranks, std::size_t count, std::size_t index) {
    const std::vector<Checksum> values = column(all, ranks, count, index);
    return std::all_of(values.begin(), values.end(), [&](const Checksum& value) { return value == values.front(); });
  }

  // Throws. Collective over all ranks, also those that are not among `ranks`.
  [[noreturn]] void name_first(const Shared& shared, const std::vector<int>& ranks) {
    const std::size_t count = shared.digests.size();
    const auto all = gather(shared.digests.data(), count);
    std::size_t first = 0;
    while (first < count && agree(all, ranks, count, first)) ++first;
    char name[256] = {};
    if (layout_.rank() == ranks.front() && first < count) shared.names[first].copy(name, sizeof name - 1);
    layout_.save->start_broadcast(name, sizeof name, ranks.front(), {"replica that differs", step_, "", "save"}).finish();
    const auto groups = group_ranks(ranks, column(all, ranks, count, first));
    const std::vector<std::string>& hosts = world_.placement().host_of_rank;
    std::vector<std::string> lists;
    for (const auto& group : groups) lists.push_back(list_ranks(group.ranks, hosts));
    // Without a majority it is not known which ranks are right.
    const bool majority = groups[0].ranks.size() > groups[1].ranks.size();
    std::string who = fmt::format("between {}", fmt::join(lists, " and "));
    if (majority) {
      const std::string odd = fmt::format("{}", fmt::join(lists.begin() + 1, lists.end(), " and "));
      who = fmt::format("on {} from what the other {} hold", odd, groups[0].ranks.size());
    }
    throw ReplicasDiffer(fmt::format("step {}: {}, which these ranks hold in common, differs {}", step_, name, who));
  }

  parallel::World& world_;
  const Layout& layout_;
  const std::int64_t step_;
  Shared dense_, experts_;
};

}  // namespace

void require_equal_replicas(parallel::World& world, TrainModel& model, const Layout& layout, std::int64_t step) {
  if (layout.size() > 1) Check(world, model, layout, step).run();
}

}  // namespace sluice::recipes
