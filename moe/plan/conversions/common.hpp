// What several conversions have in common. Private to moe/plan.
#pragma once

#include "moe/plan/conversion.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace sluice::moe {

/// begin, begin + 1, ... of `count` rows.
std::vector<std::int64_t> row_range(std::int64_t begin, std::int64_t count);

/// Of a dense model: experts and shared experts are columns of its feed-forward, and the router is drawn.
class Sparsify : public ConversionRule {
 public:
  bool starts_dense() const override { return true; }
  NewRows new_rows() const override { return NewRows::kGate; }
  MoeConfig shape_after(const MoeConfig& before) const override { return before; }
  std::optional<LeafPlan> plan(const Conversion& conversion, const TensorId& leaf, const std::vector<std::int64_t>& shape) const override;

 protected:
  /// Columns of the dense feed-forward that are left for routed experts.
  static std::int64_t routed_columns(const Conversion& conversion);
  /// Of a width that the recipe gives no value for and none follows: how many parts were to divide the dense one, as text and key.
  static Misfit no_width(const Conversion& conversion, const std::string& parts, const std::string& key);
  static std::optional<Misfit> families(const Conversion& conversion);
};

/// Of a sparse model: an expert becomes several, side by side.
class Grow : public ConversionRule {
 public:
  std::vector<std::string> changes() const override { return {"num_experts", "top_k", "family_size"}; }
  std::optional<Misfit> misfit(const Conversion& conversion) const override;
  std::optional<LeafPlan> plan(const Conversion& conversion, const TensorId& leaf, const std::vector<std::int64_t>& shape) const override;

 protected:
  /// "grow by family".
  virtual std::string name() const = 0;
  /// Nothing if num_experts fits, else what it had to be.
  virtual std::optional<std::string> wrong_count(const Conversion& conversion) const;
  virtual bool makes_families() const { return false; }
  /// How much an expert weighs a token beside what its parent did.
  virtual double weight_of_copy(const Conversion&) const { return 1.0; }
  /// The router's rows and the children's; by default each row is its parent's.
  virtual std::optional<LeafPlan> plan_router(const Conversion& conversion, const TensorId& leaf,
                                              const std::vector<std::int64_t>& shape) const;
};

}  // namespace sluice::moe
