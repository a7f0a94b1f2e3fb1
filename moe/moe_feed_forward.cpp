#include "moe/moe_feed_forward.hpp"

#include "core/base/error.hpp"
#include "moe/plan/moe_tensors.hpp"

namespace sluice::moe {

MoeFeedForward::MoeFeedForward(const std::string& path, const std::string& layer, const MoeConfig& config, std::int64_t hidden_size,
                               ExpertPlacement placement, std::shared_ptr<parallel::TokenExchange> exchange,
                               const at::TensorOptions& options)
    : router(config, hidden_size, layer, options),
      experts(config, hidden_size, layer, placement.group_rank * (config.num_experts / placement.group_size),
              config.num_experts / placement.group_size, options),
      path_(path),
      exchange_(std::move(exchange)) {
  if (config.num_experts % placement.group_size != 0)
    throw usage_error("{}: num_experts({}) is not a multiple of parallel.expert({})", path, config.num_experts, placement.group_size);
  if (config.num_shared_experts > 0)
    shared = std::make_unique<DenseFeedForward>(shared_expert_tensors(config, hidden_size, layer), options);
}

SlotOutput MoeFeedForward::forward(const at::Tensor& x, const RowTable& rows, const StepContext& context) {
  Routing routing = router.route(x, rows);
  SlotOutput output;
  output.y = exchange_->run(
      x, routing.weights, routing.plan, [&](const parallel::ExpertChunk& chunk) { return experts.forward(chunk); }, context, path_,
      experts.learn());
  if (shared) output.y = output.y + shared->forward(x, rows, context).y;
  routing.statistics.path = path_;
  output.statistics = std::move(routing.statistics);
  return output;
}

void MoeFeedForward::collect(std::vector<Parameter*>& parameters) {
  router.collect(parameters);
  experts.collect(parameters);
  if (shared) shared->collect(parameters);
}

}  // namespace sluice::moe
