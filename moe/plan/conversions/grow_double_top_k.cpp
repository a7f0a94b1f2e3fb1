// grow by double_top_k: an expert becomes two equal ones with its router row, twins of a plain router, and twice as many are chosen.
#include "moe/plan/conversions/common.hpp"

namespace sluice::moe {
namespace {

class GrowDoubleTopK : public Grow {
 public:
  Replicas replicas() const override { return Replicas::kTwins; }
  bool doubles_top_k() const override { return true; }
  MoeConfig shape_after(const MoeConfig& before) const override {
    MoeConfig after = before;
    after.num_experts *= 2;
    after.top_k *= 2;
    return after;
  }
  Exactness exactness(const Conversion& c) const override {
    // Softmax over twins halves each probability by itself; sigmoid scores only do so when renormalised.
    if (!c.after.norm_topk_prob && c.after.score_func != ScoreFunction::kSoftmax)
      return {false, "sigmoid scores without norm_topk_prob count every twin in full"};
    return {true, "both twins of every chosen expert are chosen and share its weight"};
  }

 protected:
  // Twins see a token both, and share its weight.
  double weight_of_copy(const Conversion& c) const override {
    return static_cast<double>(c.before->num_experts) / static_cast<double>(c.after.num_experts);
  }
};

}  // namespace

const ConversionRule& grow_double_top_k() {
  static const GrowDoubleTopK only;
  return only;
}

}  // namespace sluice::moe
