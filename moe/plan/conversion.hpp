// Conversions between stages, as pure functions: what shape a conversion makes, whether that fits and computes the same function, and, for
// each leaf of the new model, which rows and columns of the old model's leaves make it up and what is drawn anew. Values only, no tensors,
// no ranks. Each conversion is one file in conversions/ and a line in conversions/list.inc.
#pragma once

#include "core/shape/decoder_config.hpp"
#include "core/shape/tensor_id.hpp"
#include "moe/plan/moe_config.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::moe {

enum class ConversionKind {
#define SLUICE_CONVERSION(kind, stage, method, rule) kind,
#include "moe/plan/conversions/list.inc"
};

/// One conversion: the dense shape, the sparse shape before (absent: dense) and after.
struct Conversion {
  ConversionKind kind = ConversionKind::kSparsifyCopy;
  DecoderConfig decoder = {};
  std::optional<MoeConfig> before = {};
  MoeConfig after = {};
  double flatten_scale = 1.0;  // kFlatten: weight of the children's rows beside the family's
};

/// Whether the converted model computes the same function, up to rounding, before noise and re-initialisation.
struct Exactness {
  bool exact = false;
  std::string reason;  // why it is, or is not; half a sentence
};

/// Why a conversion cannot be done.
struct Misfit {
  std::string key;                     // of the stage ("method", "moe.top_k"), where it was said
  std::string text;                    // the values, and what was expected
  std::vector<std::string> keys = {};  // of the stage, or of the recipe ("model.intermediate_size"), whose values matter too
};

/// Router rows that a conversion adds.
enum class NewRows {
  kNone,
  kGate,        // of the experts
  kFamilyGate,  // of the deepest level of families
};

/// What of the experts that a conversion makes is equal to others in weights, router row and tokens, and would so stay for ever: their
/// rows are parted after the exact receipt.
enum class Replicas {
  kNone,
  kTwins,   // two and two, always chosen together
  kCopies,  // several, of which the first keeps its row
};

/// One addend of a new leaf: factor * old[rows, columns]. rows[i] is the old row of new row i; -1 leaves that row to `fresh_std`.
struct LeafTerm {
  TensorId from;
  std::vector<std::int64_t> rows;
  std::int64_t column_begin = 0;
  std::int64_t column_count = 0;
  double factor = 1.0;
};

struct LeafPlan {
  std::vector<LeafTerm> terms;  // empty: drawn anew altogether
  double fresh_std = 0.0;       // rows without a source: N(0, fresh_std^2)
  std::int64_t tied_rows = 1;   // fresh rows come in runs of so many equal rows (virtual groups)
  // Adam's moments of a leaf are those of its source times these: the share of the source's gradient that the leaf gets from now on, and
  // that of its square. With a part q of the source's tokens, each weighing r, the gradient is q * r; its square lies between (q * r)^2,
  // where all tokens pull alike, and q * r^2, where each pulls its own way. The larger is taken, so that no update exceeds the rate.
  double gradient_share = 1.0;
  double squared_share = 1.0;
};

/// What is particular to one kind of conversion.
class ConversionRule {
 public:
  virtual ~ConversionRule() = default;

  /// Whether the model before is dense.
  virtual bool starts_dense() const { return false; }
  /// Whether its experts are new, so that noise on them and re-initialisation mean something.
  virtual bool makes_experts() const { return true; }
  virtual NewRows new_rows() const { return NewRows::kNone; }
  virtual Replicas replicas() const { return Replicas::kNone; }
  /// Whether top_k is doubled and may fall back to its old value over the stage (top_k_anneal_steps).
  virtual bool doubles_top_k() const { return false; }

  /// The shape where the recipe does not say: `before` with what the conversion changes. Of a dense model `before` holds the defaults.
  virtual MoeConfig shape_after(const MoeConfig& before) const = 0;
  /// The width of an expert that makes the conversion the same function; 0 where the dense width does not divide, or nothing was dense.
  virtual std::int64_t expert_width(const DecoderConfig& decoder, const MoeConfig& after) const;
  /// Keys of the shape that it changes; all others stay.
  virtual std::vector<std::string> changes() const { return {}; }

  virtual std::optional<Misfit> misfit(const Conversion& conversion) const = 0;
  virtual Exactness exactness(const Conversion& conversion) const = 0;

  /// Parts that a dense model's routed feed-forward is cut into: expert e is made of part e % num_shards.
  virtual std::int64_t num_shards(const Conversion& conversion) const;
  /// Of a leaf of a sparse layer's feed-forward; absent if it goes over unchanged.
  virtual std::optional<LeafPlan> plan(const Conversion& conversion, const TensorId& leaf,
                                       const std::vector<std::int64_t>& shape) const = 0;
};

const ConversionRule& rule_of(ConversionKind kind);

/// The rule's, where no token may be dropped for want of capacity, which no conversion reproduces. The widths are taken to add up.
Exactness exactness(const Conversion& conversion);

/// Parts that a dense model's routed feed-forward is cut into; 1 for copies.
std::int64_t num_shards(const Conversion& conversion);

/// Plan of the leaf `leaf` with shape `shape` of the new model; absent if the leaf goes over unchanged.
std::optional<LeafPlan> plan_leaf(const Conversion& conversion, const TensorId& leaf, const std::vector<std::int64_t>& shape);

}  // namespace sluice::moe
