#include "moe/soft_families.hpp"

#include <algorithm>

namespace sluice::moe {

at::Tensor leaf_membership(const RouterInputs& inputs, const RouterRows& router) {
  at::Tensor member = soft_choice(selection_keys(at::mm(inputs.x, router.gate.t()), router.selection).contiguous(), router.top_k);
  if (!router.family_gate.defined()) return member;
  std::int64_t level_begin = 0;
  while (level_begin < router.family_gate.size(0)) {
    const std::int64_t nodes = member.size(1);
    const at::Tensor logits = at::mm(inputs.x, router.family_gate.narrow(0, level_begin, 2 * nodes).t());
    // The two children of a node are a choice of one among two.
    const at::Tensor pairs = soft_choice(logits.view({-1, 2}), 1).view({-1, nodes, 2});
    member = (pairs * member.unsqueeze(2)).reshape({-1, 2 * nodes});
    level_begin += 2 * nodes;
  }
  return member;
}

at::Tensor parting_rows(const RouterInputs& inputs, const at::Tensor& membership, const at::Tensor& noise,
                        const std::vector<double>& spread) {
  // A leaf of fewer inputs than this takes all the others into account too, the less the more it has, so that none is without.
  constexpr double kFew = 8.0;
  const std::int64_t leaves = membership.size(1), parts = noise.size(0) / leaves;
  std::vector<at::Tensor> rows;
  for (std::int64_t leaf = 0; leaf < leaves; ++leaf) {
    at::Tensor weights = membership.select(1, leaf);
    weights = weights + 1e-3 * std::max(0.0, 1.0 - weights.sum().item<double>() / kFew);
    const at::Tensor counted = weights.nonzero().squeeze(1);
    RouterInputs some = inputs;
    some.x = inputs.x.index_select(0, counted);
    rows.push_back(balanced_rows(some, noise.narrow(0, leaf * parts, parts), 1, spread[static_cast<std::size_t>(leaf)],
                                 weights.index_select(0, counted)));
  }
  return at::cat(rows, 0);
}

}  // namespace sluice::moe
