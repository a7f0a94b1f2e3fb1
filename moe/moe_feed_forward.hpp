// The mixture of experts as a decoder's feed-forward: the router chooses experts, rows are exchanged between ranks, the experts compute,
// and the results come back. Shared experts, if any, are added.
#pragma once

#include "core/nn/feed_forward.hpp"
#include "core/nn/swiglu.hpp"
#include "moe/grouped_experts.hpp"
#include "moe/plan/moe_config.hpp"
#include "moe/router.hpp"
#include "parallel/token_exchange.hpp"

#include <memory>
#include <string>

namespace sluice::moe {

/// Which of a layer's experts this rank owns: block group_rank of group_size equal blocks.
struct ExpertPlacement {
  int group_rank = 0;
  int group_size = 1;
};

class MoeFeedForward : public FeedForward {
 public:
  /// Fills the slot with the path `path`, "layers.3.feed_forward", of the layer `layer`, "layers.3". `exchange` moves rows between the
  /// ranks. `options` are the model's element type and device. Usage error if num_experts is not a multiple of placement.group_size.
  MoeFeedForward(const std::string& path, const std::string& layer, const MoeConfig& config, std::int64_t hidden_size,
                 ExpertPlacement placement, std::shared_ptr<parallel::TokenExchange> exchange, const at::TensorOptions& options);

  SlotOutput forward(const at::Tensor& x, const RowTable& rows, const StepContext& context) override;
  void collect(std::vector<Parameter*>& parameters) override;
  const std::string& path() const { return path_; }

  const MoeConfig& config() const { return router.config(); }

  Router router;
  GroupedExperts experts;
  std::unique_ptr<DenseFeedForward> shared;  // null without shared experts

 private:
  std::string path_;
  std::shared_ptr<parallel::TokenExchange> exchange_;
};

}  // namespace sluice::moe
