#include "core/optim/leaf_store.hpp"

#include "core/base/error.hpp"
#include "core/nn/tensor_part.hpp"

namespace sluice {
namespace {

ElementRange moved(const ElementRange& range, std::int64_t by) { return {range.begin + by, range.end + by}; }

// The leaf as this rank owns it, where `owned` are elements of the buffers and the parameter lies at `first` in them.
LeafView trained_view(const Parameter& p, const Leaf& leaf, std::int64_t first, const AdamW::Moments& moments, UpdateCounts& updates) {
  const ElementRange lies{first + leaf.offset, first + leaf.offset + leaf.count()};
  const ElementRange owned = intersection(lies, moments.owned);
  const auto shaped = [&](const at::Tensor& elements) { return owned == lies ? elements.view(leaf.shape) : elements; };
  const ElementRange of_moments = moved(owned, -moments.owned.begin);
  return {leaf,
          moved(owned, -lies.begin),
          shaped(part(p.value, moved(owned, -first))),
          shaped(part(moments.exp_avg, of_moments)),
          shaped(part(moments.exp_avg_sq, of_moments)),
          &updates};
}

}  // namespace

at::Tensor LeafView::owned_part(const at::Tensor& of_leaf) const { return whole() ? of_leaf : part(of_leaf, owned); }

LeafStore::LeafStore(const ParameterSet& parameters, AdamW& optimizer) {
  for (std::size_t i = 0; i < parameters.all().size(); ++i) {
    const Parameter& p = *parameters.all()[i];
    const bool trained = p.gradient.placed() && !optimizer.updates().empty();
    for (std::size_t k = 0; k < p.leaves.size(); ++k) {
      const Leaf& leaf = p.leaves[k];
      by_name_.emplace(leaf.name, leaves_.size());
      if (trained)
        leaves_.push_back(trained_view(p, leaf, parameters.range_of(p).begin, optimizer.moments(p.replication), optimizer.updates()[i][k]));
      else leaves_.push_back({leaf, {0, leaf.count()}, p.view(p.value, leaf), {}, {}, nullptr});
    }
  }
}

const LeafView* LeafStore::find(std::string_view name) const {
  const auto found = by_name_.find(std::string(name));
  return found == by_name_.end() ? nullptr : &leaves_[found->second];
}

const LeafView& LeafStore::at(std::string_view name) const {
  const LeafView* found = find(name);
  if (found == nullptr) throw usage_error("this rank holds no leaf '{}'", name);
  return *found;
}

}  // namespace sluice
