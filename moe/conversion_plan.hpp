// Dense -> sparse -> wider -> flat as pure plans: where each leaf of the new model comes from. Values only.
//
// Sources: copy and virtual groups: arXiv:2212.05055, arXiv:2410.07524; growth by copying: arXiv:2604.19835; family router and
// double top-k: methods that leave the function as it is (each twin pair computes what its parent computed).
#pragma once

#include "core/checkpoint/tensor_id.hpp"
#include "core/models/decoder_config.hpp"
#include "moe/moe_config.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace sluice::moe {

enum class ConversionKind {
  kSparsifyCopy,          // every expert is the whole (routed part of the) dense feed-forward
  kSparsifyVirtualGroup,  // experts are shards of it; router rows tied per group
  kGrowFamily,            // twins under the parent's router row
  kGrowDoubleTopK,        // twins in a flat router, top_k doubled
  kGrowCopy,              // copies with their router rows, top_k fixed
  kFlatten,               // family tree -> plain router
};

/// One addend of a new leaf: factor * old[rows, columns]. rows[i] is the old row of new row i; -1 leaves that row to `fresh_std`.
struct LeafTerm {
  checkpoint::TensorId from;
  std::vector<std::int64_t> rows;
  std::int64_t column_begin = 0;
  std::int64_t column_count = 0;
  double factor = 1.0;
};

struct LeafPlan {
  std::vector<LeafTerm> terms;  // empty: drawn anew altogether
  double fresh_std = 0.0;       // rows without a source: N(0, fresh_std^2)
  std::int64_t tied_rows = 1;   // fresh rows come in runs of so many equal rows (virtual groups)
  // What the leaf sees of its source's gradient from now on, and of its square: with a part q of the source's tokens, each weighing r,
  // q * r, and between (q * r)^2, where all tokens pull alike, and q * r^2, where each pulls its own way. The larger: no update exceeds the rate.
  double gradient_share = 1.0;
  double squared_share = 1.0;
};

struct ConversionShape {
  ConversionKind kind;
  DecoderConfig decoder;
  std::optional<MoeConfig> before;  // absent for sparsify
  MoeConfig after;
  double flatten_scale = 1.0;       // kFlatten: weight of the children's rows beside the family's
};

/// Parts that a dense model's routed feed-forward is cut into: expert e is made of part e % num_shards. 1 for copies.
std::int64_t num_shards(const ConversionShape& conversion);

/// Plan of the leaf `leaf` with shape `shape` of the new model; absent if the leaf goes over unchanged.
std::optional<LeafPlan> plan_leaf(const ConversionShape& conversion, const checkpoint::TensorId& leaf, const std::vector<std::int64_t>& shape);

}  // namespace sluice::moe
