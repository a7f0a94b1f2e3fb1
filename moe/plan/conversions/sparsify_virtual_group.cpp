// sparsify by virtual_group: experts are shards of the dense feed-forward's routed part; the shards of a group share a router row, so that
// they are chosen together.
#include "moe/plan/conversions/common.hpp"

#include <fmt/format.h>

namespace sluice::moe {
namespace {

class SparsifyVirtualGroup : public Sparsify {
 public:
  std::int64_t expert_width(const DecoderConfig& decoder, const MoeConfig& after) const override {
    const std::int64_t parts = after.top_k + after.num_shared_experts;
    return decoder.intermediate_size % parts == 0 ? decoder.intermediate_size / parts : 0;
  }

  std::optional<Misfit> misfit(const Conversion& c) const override {
    const MoeConfig& moe = c.after;
    if (moe.expert_hidden_size == 0)
      return no_width(c, fmt::format("top_k({}) + num_shared_experts({})", moe.top_k, moe.num_shared_experts), "moe.top_k");
    const std::int64_t routed = routed_columns(c);
    const std::string left =
        fmt::format("{} - {} x {} = {}", c.decoder.intermediate_size, moe.num_shared_experts, moe.expert_hidden_size, routed);
    if (routed < moe.expert_hidden_size || routed % moe.expert_hidden_size != 0)
      return Misfit{
          "moe.expert_hidden_size",
          fmt::format(
              "virtual_group needs G x expert_hidden_size == intermediate_size - num_shared_experts x expert_hidden_size for a whole G, "
              "found {} and {}",
              moe.expert_hidden_size, left),
          {"method", "model.intermediate_size"}};
    if (moe.num_experts % num_shards(c) != 0)
      return Misfit{"moe.num_experts",
                    fmt::format("num_experts({}) is not a multiple of the {} shards (({}) / {})", moe.num_experts, num_shards(c), left,
                                moe.expert_hidden_size),
                    {"moe.num_experts", "model.intermediate_size"}};
    return families(c);
  }

  Exactness exactness(const Conversion& c) const override {
    if (!c.after.norm_topk_prob) return {false, "without norm_topk_prob the weights of the chosen experts do not sum to 1"};
    const std::int64_t shards = num_shards(c);
    if (c.after.top_k % shards != 0)
      return {false, fmt::format("top_k({}) is not a multiple of the {} shards, so not every shard is chosen equally often", c.after.top_k,
                                 shards)};
    return {true, fmt::format("tied router rows choose each of the {} shards equally often", shards)};
  }

  std::int64_t num_shards(const Conversion& c) const override { return routed_columns(c) / c.after.expert_hidden_size; }
};

}  // namespace

const ConversionRule& sparsify_virtual_group() {
  static const SparsifyVirtualGroup only;
  return only;
}

}  // namespace sluice::moe
