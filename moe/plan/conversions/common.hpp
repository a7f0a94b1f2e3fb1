// What several conversions have in common. Included in moe/plan/conversions only; conversion.hpp explains the terms.
#pragma once

#include "moe/plan/conversion.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace sluice::moe {

/// Returns `count` row numbers: begin, begin + 1, ...
std::vector<std::int64_t> row_range(std::int64_t begin, std::int64_t count);

/// The base of conversions of a dense model. Experts and shared experts are made of hidden units of the dense feed-forward, and the router
/// is drawn.
class Sparsify : public ConversionRule {
 public:
  bool starts_dense() const override { return true; }
  NewRows new_rows() const override { return NewRows::kGate; }
  MoeConfig shape_after(const MoeConfig& before) const override { return before; }
  std::optional<LeafPlan> plan(const Conversion& conversion, const TensorId& leaf, const std::vector<std::int64_t>& shape) const override;

 protected:
  /// The hidden units of the dense feed-forward that are left for routed experts.
  static std::int64_t routed_columns(const Conversion& conversion);
  /// The misfit of a conversion for which neither the recipe nor the dense width gives expert_hidden_size. `parts` is the text of the
  /// number of parts by which the dense width should be divisible, and `key` the recipe key that determines it.
  static Misfit no_width(const Conversion& conversion, const std::string& parts, const std::string& key);
  /// The misfit if the recipe asks for families, which only growth makes.
  static std::optional<Misfit> families(const Conversion& conversion);
};

/// The base of conversions of a sparse model in which each expert becomes several, with neighbouring numbers.
class Grow : public ConversionRule {
 public:
  std::vector<std::string> changes() const override { return {"num_experts", "top_k", "family_size"}; }
  std::optional<Misfit> misfit(const Conversion& conversion) const override;
  std::optional<LeafPlan> plan(const Conversion& conversion, const TensorId& leaf, const std::vector<std::int64_t>& shape) const override;

 protected:
  /// Nothing if num_experts is right after the conversion, else the text of what it had to be. By default it must be doubled.
  virtual std::optional<std::string> wrong_count(const Conversion& conversion) const;
  /// Whether it makes families. If not, it needs a plain router before it.
  virtual bool makes_families() const { return false; }
  /// The weight with which a new expert counts for a token, relative to that of the expert it was made from: r in LeafPlan.
  virtual double weight_of_copy(const Conversion&) const { return 1.0; }
  /// The plan of the router's rows and of the children's rows. By default each row is that of the expert's source.
  virtual std::optional<LeafPlan> plan_router(const Conversion& conversion, const TensorId& leaf,
                                              const std::vector<std::int64_t>& shape) const;
};

}  // namespace sluice::moe
