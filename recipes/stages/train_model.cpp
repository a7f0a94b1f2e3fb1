#include "recipes/stages/train_model.hpp"

#include "core/base/error.hpp"
#include "core/base/random.hpp"
#include "core/shape/tensor_id.hpp"
#include "core/tensor/dtype_map.hpp"
#include "core/tensor/host_memory.hpp"
#include "core/tensor/pointers.hpp"

#include <ATen/Parallel.h>
#include <fmt/core.h>

#include <algorithm>
#include <cmath>

namespace sluice::recipes {

std::string counts_name(const std::string& slot) { return slot + "/counts"; }

std::uint64_t TrainModel::own_seed(std::uint64_t seed) const { return name.empty() ? seed : random_key(seed, name); }

void TrainModel::set_moe(const moe::MoeConfig& settings) {
  if (settings.num_experts != moe->num_experts || settings.family_size != moe->family_size ||
      settings.expert_hidden_size != moe->expert_hidden_size || settings.layers != moe->layers)
    throw usage_error("the stage's experts ({} of width {}, families of {}) are not the model's ({} of width {}, families of {})",
                      settings.num_experts, settings.expert_hidden_size, settings.family_size, moe->num_experts, moe->expert_hidden_size,
                      moe->family_size);
  moe = settings;
  for (moe::MoeFeedForward* slot : sparse) slot->router.set_config(settings);
}

TrainModel build_model(const DecoderConfig& config, const std::optional<moe::MoeConfig>& moe, const Layout& layout,
                       const at::TensorOptions& options, parallel::ExchangeKind exchange, ModelUse use, const Trainable& trainable) {
  TrainModel model;
  model.name = layout.model;
  model.config = config;
  model.moe = moe;
  if (moe) model.exchange = parallel::make_exchange(exchange, {layout.expert_group, layout.node_of_member});
  model.decoder =
      std::make_unique<Decoder>(config, options, [&](const std::string& path, const std::string& layer) -> std::unique_ptr<FeedForward> {
        if (!moe) return nullptr;
        const auto found =
            std::find_if(moe->layers.begin(), moe->layers.end(), [&](std::int64_t each) { return feed_forward_path(each) == path; });
        if (found == moe->layers.end()) return nullptr;
        auto slot = std::make_unique<moe::MoeFeedForward>(path, layer, *moe, config.hidden_size,
                                                          moe::ExpertPlacement{layout.expert_group->rank(), layout.expert_group->size()},
                                                          model.exchange, options);
        model.sparse.push_back(slot.get());
        return slot;
      });
  model.trainable = trainable;
  const std::vector<Parameter*> all = model.decoder->parameters();
  for (Parameter* p : all) p->trainable = !trainable || trainable(*p);
  for (moe::MoeFeedForward* slot : model.sparse) {
    if (!slot->router.gate.trainable) continue;  // a frozen router keeps its bias
    model.rules.push_back([router = &slot->router, name = counts_name(slot->path())](const StepStatistics& statistics) {
      router->update_bias(statistics.at(name));
    });
  }
  const Holders holders = {layout.reduction->size(), layout.replicas->size()};
  model.parameters = ParameterSet(all, use == ModelUse::kTraining, holders);
  if (use == ModelUse::kTraining) model.optimizer = AdamW(model.parameters);
  model.sound = at::ones({}, at::TensorOptions(at::kDouble).device(model.decoder->device()));
  return model;
}

void fill_normal(at::Tensor leaf, std::uint64_t seed, const std::string& name, double std, std::int64_t tied_rows) {
  const std::uint64_t key = random_key(seed, name);
  const std::int64_t columns = leaf.dim() > 1 ? leaf.size(1) : 1;
  const HostMemory memory = from_host(leaf);
  SLUICE_DISPATCH(leaf.scalar_type(), [&] {
    A* out = memory.as<A>().data();
    at::parallel_for(0, leaf.numel(), 4096, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) {
        const std::int64_t row = i / columns / tied_rows;
        out[i] = static_cast<A>(std * random_normal(key, static_cast<std::uint64_t>(row * columns + i % columns)));
      }
    });
  });
  memory.give_back();
}

void initialize(TrainModel& model, std::uint64_t run_seed) {
  at::NoGradGuard no_grad;
  const std::uint64_t seed = model.own_seed(run_seed);
  const double residual = 1.0 / std::sqrt(2.0 * static_cast<double>(model.config.num_layers));
  for (const LeafView& view : leaves_of(model)) {
    const std::string& name = view.leaf.name;
    const TensorId id = tensor_id_of(name);
    if (id.is_norm()) {
      view.value.fill_(1.0);
    } else if (id.part == TensorPart::kRouter) {
      fill_normal(view.value, seed, name, model.moe->router_init_std);
    } else {
      const bool into_residual = id.kind == TensorKind::kOutput || id.kind == TensorKind::kDown;
      fill_normal(view.value, seed, name, into_residual ? 0.02 * residual : 0.02);
    }
  }
  model.decoder->refresh_compute();
}

LeafStore owned_leaves_of(TrainModel& model) { return LeafStore(model.parameters, model.optimizer); }

LeafStore leaves_of(TrainModel& model) {
  LeafStore leaves = owned_leaves_of(model);
  for (const LeafView& view : leaves) {
    if (view.whole()) continue;
    throw usage_error("{}: this rank owns {} of {} elements, expected all", view.leaf.name, view.owned.count(), view.leaf.count());
  }
  return leaves;
}

}  // namespace sluice::recipes
