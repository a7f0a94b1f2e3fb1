// Which inputs go to each leaf (expert) of a family router, counted softly, and new rows that divide each leaf's inputs evenly. Values
// only; no ranks. Legend: N inputs, D width, F families, C rows of the families' children, L leaves.
#pragma once

#include "moe/balanced_rows.hpp"

#include <vector>

namespace sluice::moe {

/// The rows of a router, in float64. Without families the leaves are the experts.
struct RouterRows {
  at::Tensor gate;         // [F, D]
  at::Tensor family_gate;  // [C, D], level after level; undefined without families
  std::int64_t top_k = 1;
  Selection selection;
};

/// Returns [N, L]: how much each input counts as going to each leaf, between 0 and 1.
at::Tensor leaf_membership(const RouterInputs& inputs, const RouterRows& router);

/// Returns new rows [L * parts, D], `parts` of them for each leaf, leaf after leaf. The rows of a leaf are made from `noise` (standard
/// normal, of that shape) so that their logits have the standard deviation spread[leaf] and each row has the largest logit for an equal
/// part of the leaf's inputs. A leaf with few inputs or none also takes all others into account. `membership` is that of leaf_membership().
at::Tensor parting_rows(const RouterInputs& inputs, const at::Tensor& membership, const at::Tensor& noise,
                        const std::vector<double>& spread);

}  // namespace sluice::moe
