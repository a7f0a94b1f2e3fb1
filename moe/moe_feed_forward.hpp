// The mixture of experts as it fills a decoder's FeedForward slot: router -> exchange -> experts, plus shared experts.
#pragma once

#include "core/nn/feed_forward.hpp"
#include "core/nn/swiglu.hpp"
#include "moe/grouped_experts.hpp"
#include "moe/moe_config.hpp"
#include "moe/router.hpp"
#include "parallel/token_exchange.hpp"

#include <memory>

namespace sluice::moe {

/// Where this rank stands among the owners of a layer's experts.
struct ExpertPlacement {
  int group_rank = 0;
  int group_size = 1;
};

class MoeFeedForward : public FeedForward {
 public:
  MoeFeedForward(const std::string& prefix, std::int64_t layer, const MoeConfig& config, std::int64_t hidden_size, ExpertPlacement placement,
                 std::shared_ptr<parallel::TokenExchange> exchange, const at::TensorOptions& options);

  SlotOutput forward(const at::Tensor& x, const RowTable& rows, const StepContext& context) override;
  void collect(std::vector<Parameter*>& parameters) override;

  const MoeConfig config;
  Router router;
  GroupedExperts experts;
  std::unique_ptr<DenseFeedForward> shared;  // null without shared experts

 private:
  std::int64_t layer_;
  std::shared_ptr<parallel::TokenExchange> exchange_;
};

}  // namespace sluice::moe
