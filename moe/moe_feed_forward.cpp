#include "moe/moe_feed_forward.hpp"

#include "core/base/error.hpp"
#include "core/nn/recompute.hpp"
#include "moe/plan/moe_tensors.hpp"
#include "parallel/exchange_node.hpp"

#include <memory>
#include <utility>

namespace sluice::moe {
namespace {

// The choice and the way of the rows, which the second pass takes from the first: nothing is chosen or counted again.
struct RoutingMemory : SlotMemory {
  RoutingMemory(RoutingChoice chosen, c10::intrusive_ptr<parallel::Route> way) : choice(std::move(chosen)), route(std::move(way)) {}
  RoutingChoice choice;
  c10::intrusive_ptr<parallel::Route> route;
};

}  // namespace

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
  auto* const kept = context.memory != nullptr ? static_cast<RoutingMemory*>(context.memory->get()) : nullptr;
  Routing routing = router.route(x, rows, kept != nullptr ? &kept->choice : nullptr);
  c10::intrusive_ptr<parallel::Route> route;
  if (kept != nullptr) {
    route = kept->route;
  } else {
    route = exchange_->open(routing.plan, context, path_);
    route->counts = experts.counts_for_products(route->counts);  // read here, once, however often the experts compute
    if (context.memory != nullptr) *context.memory = std::make_shared<RoutingMemory>(routing, route);
  }
  const auto compute = [this, twice = context.recompute == Recompute::kExperts](const parallel::ExpertChunk& chunk) {
    if (!twice) return experts.forward(chunk);
    return recompute({chunk.rows, chunk.row_weights},
                     [this, counts = chunk.counts](const std::vector<at::Tensor>& in, RecomputePass) {
                       return std::vector<at::Tensor>{experts.forward({in[0], in[1], counts})};
                     })
        .front();
  };
  SlotOutput output;
  output.y = exchange_->run(x, routing.weights, route, context.phase, compute, experts.learn());
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
