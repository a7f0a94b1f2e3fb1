// grow by family: an expert becomes two equal ones, twins under its router row, which alone goes on deciding top-k and gate weight; a new
// pair of rows picks one of the two.
#include "moe/plan/conversions/common.hpp"

#include <numeric>

namespace sluice::moe {
namespace {

class GrowFamily : public Grow {
 public:
  NewRows new_rows() const override { return NewRows::kFamilyGate; }
  MoeConfig shape_after(const MoeConfig& before) const override {
    MoeConfig after = before;
    after.num_experts *= 2;
    after.family_size *= 2;
    return after;
  }
  Exactness exactness(const Conversion&) const override { return {true, "the family's row alone decides, and its children are equal"}; }

 protected:
  bool makes_families() const override { return true; }

  // Levels that were there stay, as does the gate; the new, deepest one is drawn.
  std::optional<LeafPlan> plan_router(const Conversion& c, const TensorId& leaf, const std::vector<std::int64_t>& shape) const override {
    if (leaf.kind != TensorKind::kFamilyRows) return std::nullopt;
    LeafPlan plan{{}, c.after.router_init_std, 1};
    if (const std::int64_t old_rows = c.before->num_child_rows(); old_rows > 0) {
      std::vector<std::int64_t> rows(static_cast<std::size_t>(shape[0]), -1);
      std::iota(rows.begin(), rows.begin() + old_rows, 0);
      plan.terms.push_back({leaf, std::move(rows), 0, shape[1], 1.0});
    }
    return plan;
  }
};

}  // namespace

const ConversionRule& grow_family() {
  static const GrowFamily only;
  return only;
}

}  // namespace sluice::moe
