// sparsify by copy: every expert is the whole routed part of the dense feed-forward.
#include "moe/plan/conversions/common.hpp"

#include <fmt/format.h>

namespace sluice::moe {
namespace {

class SparsifyCopy : public Sparsify {
 public:
  std::int64_t expert_width(const DecoderConfig& decoder, const MoeConfig& after) const override {
    const std::int64_t parts = 1 + after.num_shared_experts;
    return decoder.intermediate_size % parts == 0 ? decoder.intermediate_size / parts : 0;
  }

  std::optional<Misfit> misfit(const Conversion& c) const override {
    const MoeConfig& moe = c.after;
    if (moe.expert_hidden_size == 0)
      return no_width(c, fmt::format("1 + num_shared_experts({})", moe.num_shared_experts), "moe.num_shared_experts");
    const std::int64_t routed = routed_columns(c);
    if (routed != moe.expert_hidden_size)
      return Misfit{
          "moe.expert_hidden_size",
          fmt::format("copy needs expert_hidden_size == intermediate_size - num_shared_experts x expert_hidden_size, found {} and {} - {} "
                      "x {} = {}",
                      moe.expert_hidden_size, c.decoder.intermediate_size, moe.num_shared_experts, moe.expert_hidden_size, routed),
          {"method", "model.intermediate_size"}};
    return families(c);
  }

  Exactness exactness(const Conversion& c) const override {
    if (!c.after.norm_topk_prob) return {false, "without norm_topk_prob the weights of the chosen experts do not sum to 1"};
    return {true, "every expert is the dense layer and the weights sum to 1 (a routed_scaling_factor is folded into down_proj)"};
  }
};

}  // namespace

const ConversionRule& sparsify_copy() {
  static const SparsifyCopy only;
  return only;
}

}  // namespace sluice::moe
