// grow by copy: an expert becomes several equal ones with its router row; top_k stays.
#include "moe/plan/conversions/common.hpp"

#include <fmt/format.h>

namespace sluice::moe {
namespace {

class GrowCopy : public Grow {
 public:
  Replicas replicas() const override { return Replicas::kCopies; }
  MoeConfig shape_after(const MoeConfig& before) const override {
    MoeConfig after = before;
    after.num_experts *= 2;
    return after;
  }
  Exactness exactness(const Conversion&) const override {
    return {false, "top_k stays, so the chosen experts become copies of fewer ones"};
  }

 protected:
  std::optional<std::string> wrong_count(const Conversion& c) const override {
    const std::int64_t before = c.before->num_experts, twice = 2 * before;
    if (c.after.num_experts >= twice && c.after.num_experts % before == 0) return std::nullopt;
    return fmt::format("a multiple of {} from {} on", before, twice);
  }
};

}  // namespace

const ConversionRule& grow_copy() {
  static const GrowCopy only;
  return only;
}

}  // namespace sluice::moe
