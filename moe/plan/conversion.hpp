// Conversions of a model between stages of training (sparsify, grow, flatten), as functions without tensors and ranks. They say what shape
// a conversion makes, whether it fits, whether the new model computes the same function, and, for each leaf of the new model, of which rows
// and columns of the old leaves it is made and what is drawn anew. recipes/stages/convert_model.hpp carries them out. Each conversion is
// one file in conversions/ and one line in conversions/list.inc.
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

/// One conversion: its kind and the shapes of the two models.
struct Conversion {
  ConversionKind kind = ConversionKind::kSparsifyCopy;
  DecoderConfig decoder = {};            // shape of everything but the sparse layers; the same before and after
  std::optional<MoeConfig> before = {};  // absent: the model before is dense
  MoeConfig after = {};
  double flatten_scale = 1.0;  // flatten only: factor of the children's rows in the sum that makes an expert's row
};

/// Whether the converted model computes the same function as the one before, up to rounding, before noise and re-initialisation.
struct Exactness {
  bool exact = false;
  std::string reason;  // why it does or does not, as a clause for a message
};

/// Why a conversion cannot be done.
struct Misfit {
  std::string key;                     // key of the stage that is wrong, such as "method" or "moe.top_k"
  std::string text;                    // message: the values, and what was expected
  std::vector<std::string> keys = {};  // others that matter: of the stage, or of the recipe ("model.intermediate_size")
};

/// The rows of routers that a conversion draws anew.
enum class NewRows {
  kNone,
  kGate,        // all rows of the router (sparsify)
  kFamilyGate,  // the new, deepest level of the children's rows (grow by family)
};

/// Which new experts would stay equal for ever, since they have equal weights and equal router rows. After the conversion was measured for
/// its first receipt, their rows are made to differ: by part_twins() and part_replicas() in recipes/stages/convert_model.hpp, or, if rows
/// are balanced, by part_evenly() in balanced_routers.hpp.
enum class Replicas {
  kNone,
  kTwins,   // pairs, always chosen together; part_twins() moves their rows by +d and -d
  kCopies,  // groups; part_replicas() adds noise to all rows of a group but the first
};

/// One addend of a new leaf: factor * old[rows, columns]. Row i of the new leaf gets row rows[i] of the old one, or nothing if rows[i] is
/// -1. The rows of a plan's first term decide which rows of the leaf are fresh, that is, drawn anew: those with -1. Later terms only add.
struct LeafTerm {
  TensorId from;  // the old leaf
  std::vector<std::int64_t> rows;
  std::int64_t column_begin = 0;
  std::int64_t column_count = 0;
  double factor = 1.0;
};

/// How a leaf of the new model is made: the sum of the terms, and fresh rows.
struct LeafPlan {
  std::vector<LeafTerm> terms;  // empty: the whole leaf is fresh
  double fresh_std = 0.0;       // fresh rows are drawn from N(0, fresh_std^2)
  std::int64_t tied_rows = 1;   // fresh rows come in runs of this many equal rows (the shards of a virtual group)
  /// If the optimizer's state is kept, the leaf's moments are made from those of the first term's source: exp_avg is the source's times
  /// gradient_share / factor, and exp_avg_sq is the source's times squared_share / factor^2, where factor is the first term's. Fresh rows
  /// and other terms get no moments.
  /// gradient_share is the part of the source's gradient that the leaf will get, and squared_share the part of its square. If a part q of
  /// the source's tokens goes to the leaf, each with r times the weight, the gradient is q * r. Its square lies between (q * r)^2, if all
  /// tokens pull alike, and q * r^2, if each pulls its own way. The latter is taken: it is the larger since q <= 1, so no update exceeds
  /// the rate.
  double gradient_share = 1.0;
  double squared_share = 1.0;
};

/// What distinguishes one kind of conversion from the others.
class ConversionRule {
 public:
  virtual ~ConversionRule() = default;

  /// Whether it converts a dense model.
  virtual bool starts_dense() const { return false; }
  /// Whether it makes new experts. Only then may the recipe ask for noise on them, or for re-initialisation of a part.
  virtual bool makes_experts() const { return true; }
  virtual NewRows new_rows() const { return NewRows::kNone; }
  virtual Replicas replicas() const { return Replicas::kNone; }
  /// Whether it doubles top_k, which may then fall back to its old value in the course of the stage (recipe key top_k_anneal_steps).
  virtual bool doubles_top_k() const { return false; }

  /// Returns the shape after the conversion where the recipe does not state it: `before` with what the conversion changes. For a dense
  /// model `before` holds the defaults.
  virtual MoeConfig shape_after(const MoeConfig& before) const = 0;
  /// Returns the width of an expert with which the conversion preserves the function, for a recipe that does not state it. 0 if the dense
  /// width is not divisible, or if the model before is not dense.
  virtual std::int64_t expert_width(const DecoderConfig& decoder, const MoeConfig& after) const;
  /// Names of the keys in the recipe's section `moe` that may differ from the shape before. validate_stage (recipes/schema) refuses any
  /// other difference, except in coefficients, which may change in every stage.
  virtual std::vector<std::string> changes() const { return {}; }

  /// Why the conversion cannot be done; nothing if it can. To be checked before exactness(), num_shards() and plan().
  virtual std::optional<Misfit> misfit(const Conversion& conversion) const = 0;
  /// As the function exactness() below, which also considers the capacity.
  virtual Exactness exactness(const Conversion& conversion) const = 0;

  /// Returns the number of parts into which the routed hidden units of a dense feed-forward are cut. Expert e is made of part e %
  /// num_shards. 1 unless the rule says otherwise.
  virtual std::int64_t num_shards(const Conversion& conversion) const;
  /// Returns the plan of a leaf of a sparse layer's feed-forward in the new model; nothing if the leaf is copied unchanged.
  virtual std::optional<LeafPlan> plan(const Conversion& conversion, const TensorId& leaf,
                                       const std::vector<std::int64_t>& shape) const = 0;
};

const ConversionRule& rule_of(ConversionKind kind);

/// The name of the method in recipes, such as "double_top_k"; "" if its type of stage has only one.
std::string_view method_of(ConversionKind kind);

/// Whether the conversion preserves the function. It does not if the capacity_factor before or after may drop tokens, or if the rule says
/// no; flatten never preserves it. Check misfit() first: the widths are taken to fit.
Exactness exactness(const Conversion& conversion);

/// The rule's num_shards(): 1 for copies.
std::int64_t num_shards(const Conversion& conversion);

/// Returns the plan of the leaf `leaf`, of shape `shape`, of the new model; nothing if the leaf is copied unchanged, as all are that are
/// not of a sparse layer's feed-forward.
std::optional<LeafPlan> plan_leaf(const Conversion& conversion, const TensorId& leaf, const std::vector<std::int64_t>& shape);

}  // namespace sluice::moe
