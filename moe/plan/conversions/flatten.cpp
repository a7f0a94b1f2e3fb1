// flatten: a plain router in the place of families. An expert's row is its family's, plus the rows of the children on the way to it, of
// each level one, times flatten_scale.
#include "moe/plan/conversions/common.hpp"

#include <fmt/format.h>

namespace sluice::moe {
namespace {

class Flatten : public ConversionRule {
 public:
  bool makes_experts() const override { return false; }
  MoeConfig shape_after(const MoeConfig& before) const override {
    MoeConfig after = before;
    after.family_size = 1;
    return after;
  }
  std::vector<std::string> changes() const override { return {"family_size"}; }

  std::optional<Misfit> misfit(const Conversion& c) const override {
    if (c.before->family_size == 1) return Misfit{"type", "flatten needs a family router before it; grow by family makes one"};
    if (c.after.family_size == 1) return std::nullopt;
    return Misfit{"moe.family_size", fmt::format("flatten makes family_size 1, found {}; leave it out", c.after.family_size)};
  }

  Exactness exactness(const Conversion&) const override {
    return {false, "a plain router cannot reproduce a family router, whose family row alone decides"};
  }

  std::optional<LeafPlan> plan(const Conversion& c, const TensorId& leaf, const std::vector<std::int64_t>& shape) const override {
    if (leaf.part != TensorPart::kRouter) return std::nullopt;
    const std::int64_t size = c.before->family_size, families = c.before->num_families();
    LeafPlan plan;
    plan.gradient_share = plan.squared_share = 1.0 / static_cast<double>(size);
    std::vector<std::int64_t> rows(static_cast<std::size_t>(shape[0]));
    for (std::int64_t e = 0; e < shape[0]; ++e) rows[static_cast<std::size_t>(e)] = e / size;
    plan.terms.push_back({leaf, rows, 0, shape[1], 1.0});
    std::int64_t level_begin = 0;
    for (std::int64_t width = 2; width <= size; width *= 2) {
      // Expert e passes child e * width / size of this level.
      for (std::int64_t e = 0; e < shape[0]; ++e) rows[static_cast<std::size_t>(e)] = level_begin + e * width / size;
      plan.terms.push_back({leaf.with(TensorKind::kFamilyRows), rows, 0, shape[1], c.flatten_scale});
      level_begin += families * width;
    }
    return plan;
  }
};

}  // namespace

const ConversionRule& flatten() {
  static const Flatten only;
  return only;
}

}  // namespace sluice::moe
