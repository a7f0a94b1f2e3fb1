// Which inputs a family router's leaves get, counted softly, and rows that part each leaf's inputs evenly. Values only; no ranks.
// Legend: N inputs, D width, F families, C child rows, L leaves.
#pragma once

#include "moe/balanced_rows.hpp"

#include <vector>

namespace sluice::moe {

/// A router's rows, float64; one without families has its experts as leaves.
struct RouterRows {
  at::Tensor gate;         // [F, D]
  at::Tensor family_gate;  // [C, D], level after level; undefined without families
  std::int64_t top_k = 1;
  Selection selection;
};

/// [N, L]: how much each input goes to each leaf.
at::Tensor leaf_membership(const RouterInputs& inputs, const RouterRows& router);

/// Rows [L * parts, D], `parts` for each leaf one after the other: made of `noise` (standard normal, of that shape), with logits of
/// standard deviation spread[leaf], of which each is the largest for an equal part of the leaf's inputs. A leaf without inputs parts all
/// there are.
at::Tensor parting_rows(const RouterInputs& inputs, const at::Tensor& membership, const at::Tensor& noise,
                        const std::vector<double>& spread);

}  // namespace sluice::moe
