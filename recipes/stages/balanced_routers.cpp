#include "recipes/stages/balanced_routers.hpp"

#include "core/base/integers.hpp"
#include "core/tensor/host_memory.hpp"
#include "moe/soft_families.hpp"
#include "parallel/comm/heartbeat_ticker.hpp"
#include "recipes/stages/convert_model.hpp"
#include "recipes/stages/layer_inputs.hpp"
#include "recipes/stages/rank0.hpp"

#include <ATen/Parallel.h>
#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <optional>
#include <string>
#include <utility>

namespace sluice::recipes {
namespace {

// The most rows of a layer's inputs that its router is made from, and the most bytes of inputs of all layers that are in memory at once.
constexpr std::int64_t kMostRows = 16384;
constexpr std::int64_t kMostBytes = std::int64_t{256} << 20;

std::int64_t layers_at_once(std::int64_t rows, std::int64_t width) { return std::max<std::int64_t>(1, kMostBytes / (rows * width * 4)); }

// LibTorch adds up sums in an order that depends on its number of threads. While this lives it uses one thread, so that every rank gets the
// same bits.
class OneThread {
 public:
  OneThread() : threads_(at::get_num_threads()) { at::set_num_threads(1); }
  ~OneThread() { at::set_num_threads(threads_); }
  OneThread(const OneThread&) = delete;
  OneThread& operator=(const OneThread&) = delete;

 private:
  int threads_;
};

/// Makes the rows [any number, D], float64, of sparse layer `i` from its inputs. Called on rank 0.
using MakeRows = std::function<at::Tensor(std::size_t i, const moe::RouterInputs& inputs)>;
/// Stores the rows made for sparse layer `i`. Called on every rank.
using TakeRows = std::function<void(std::size_t i, const at::Tensor& rows)>;

// Collective. For each sparse layer: computes its inputs in `model`, calls make() on rank 0 and take() on every rank. Inputs of `at_once`
// layers are computed in one pass.
void for_each_layer(const BalancingText& from, TrainModel& model, const std::vector<std::int64_t>& layers, std::size_t at_once,
                    const MakeRows& make, const TakeRows& take) {
  const OneThread one;
  const std::int64_t width = model.config.hidden_size;
  for (std::size_t begin = 0; begin < layers.size(); begin += at_once) {
    const std::size_t end = std::min(layers.size(), begin + at_once);
    const std::vector<std::int64_t> some(layers.begin() + static_cast<std::ptrdiff_t>(begin),
                                         layers.begin() + static_cast<std::ptrdiff_t>(end));
    // The other ranks may only wait here, so rank 0 sends heartbeats.
    std::optional<parallel::HeartbeatTicker> ticker;
    if (from.world.rank() == 0) ticker.emplace(from.world, "balanced routers");
    std::vector<at::Tensor> inputs =
        layer_inputs(model, from.layout, from.text, from.count, some, kMostRows, from.step, [&](std::int64_t done) {
          if (ticker) ticker->progress(fmt::format("balancing routers ({} of {} sequences seen)", done, from.count));
        });
    ticker.reset();
    for (std::size_t i = begin; i < end; ++i) {
      const std::string bytes = on_rank0(from.world, "balanced routers", [&](const Heartbeat& heartbeat) {
        heartbeat(fmt::format("balancing the router of layer {}", layers[i]));
        const at::Tensor made = make(i, moe::router_inputs(std::exchange(inputs[i - begin], {}).to(at::kCPU, at::kDouble))).contiguous();
        const HostMemory memory = to_host(made);
        const auto raw = memory.bytes();
        return std::string(reinterpret_cast<const char*>(raw.data()), raw.size());
      });
      const at::Tensor rows = at::empty({static_cast<std::int64_t>(bytes.size()) / (width * 8), width}, at::kDouble);
      const HostMemory memory = from_host(rows);
      std::memcpy(memory.bytes().data(), bytes.data(), bytes.size());
      memory.give_back();
      take(i, rows);
    }
  }
}

// for_each_layer with the model before the conversion, as many layers at once as memory allows.
void for_each_old_layer(const BalancingText& from, const std::vector<std::int64_t>& layers, const MakeRows& make, const TakeRows& take) {
  const std::int64_t rows = std::min(kMostRows, from.count * from.text.length);
  for_each_layer(from, from.old, layers, static_cast<std::size_t>(layers_at_once(rows, from.old.config.hidden_size)), make, take);
}

at::Tensor standard_normal(std::int64_t rows, std::int64_t width, std::uint64_t seed, const std::string& name) {
  const at::Tensor noise = at::empty({rows, width}, at::kDouble);
  fill_normal(noise, seed, name, 1.0);
  return noise;
}

moe::RouterRows rows_of(const moe::Router& router, const moe::MoeConfig& config) {
  moe::RouterRows rows;
  rows.gate = router.gate.value.to(at::kCPU, at::kDouble);
  if (router.family_gate.value.defined()) rows.family_gate = router.family_gate.value.to(at::kCPU, at::kDouble);
  rows.top_k = config.top_k;
  rows.selection.score_func = config.score_func;
  if (router.has_bias()) rows.selection.bias = router.correction_bias.to(at::kCPU, at::kDouble).contiguous();
  return rows;
}

}  // namespace

double balancing_bytes(const ModelDescription& model, std::int64_t tokens) {
  const std::int64_t rows = std::min(kMostRows, tokens), width = model.decoder.hidden_size, experts = model.moe->num_experts;
  const std::int64_t layers = std::min(layers_at_once(rows, width), static_cast<std::int64_t>(model.moe->layers.size()));
  // Inputs of all layers in memory in float32; of the layer at work in float64 its inputs, centred inputs, two sets of logits, and three
  // matrices of the size of the covariance.
  return static_cast<double>(layers * rows * width * 4 + 8 * (rows * (2 * width + 2 * experts) + 3 * width * width));
}

void balance_new_rows(const BalancingText& from, TrainModel& model, const moe::Conversion& conversion, bool same, std::uint64_t seed) {
  const moe::NewRows new_rows = moe::rule_of(conversion.kind).new_rows();
  if (new_rows == moe::NewRows::kNone) return;
  const bool family = new_rows == moe::NewRows::kFamilyGate;
  at::NoGradGuard no_grad;
  const moe::MoeConfig& after = conversion.after;
  const std::int64_t width = from.old.config.hidden_size;
  const std::int64_t tied = moe::num_shards(conversion);
  const double spread = after.router_init_std * std::sqrt(static_cast<double>(width));
  const auto make = [&](std::size_t i, const moe::RouterInputs& inputs) {
    const moe::Router& router = model.sparse[i]->router;
    if (family) {
      const at::Tensor member = moe::leaf_membership(inputs, rows_of(from.old.sparse[i]->router, *conversion.before));
      const at::Tensor noise = standard_normal(after.num_experts, width, seed, router.family_gate.name);
      return moe::parting_rows(inputs, member, noise, std::vector<double>(static_cast<std::size_t>(member.size(1)), spread));
    }
    const at::Tensor noise = standard_normal(after.num_experts / tied, width, seed, router.gate.name);
    return moe::balanced_rows(inputs, noise, ceil_div(after.top_k, tied), spread).repeat_interleave(tied, 0);
  };
  const auto take = [&](std::size_t i, const at::Tensor& rows) {
    Parameter& to = family ? model.sparse[i]->router.family_gate : model.sparse[i]->router.gate;
    to.value.narrow(0, to.value.size(0) - rows.size(0), rows.size(0)).copy_(rows);
    to.refresh_compute(model.decoder->type());
  };
  if (same) for_each_old_layer(from, after.layers, make, take);
  else for_each_layer(from, model, after.layers, 1, make, take);
}

void part_evenly(const BalancingText& from, TrainModel& model, std::int64_t copies, double relative, std::uint64_t seed) {
  at::NoGradGuard no_grad;
  const auto make = [&](std::size_t i, const moe::RouterInputs& inputs) {
    const moe::RouterRows parents = rows_of(from.old.sparse[i]->router, *from.old.moe);
    const at::Tensor noise =
        standard_normal(parents.gate.size(0) * copies, inputs.x.size(1), seed, model.sparse[i]->router.gate.name + "#replicas");
    const at::Tensor spread = relative * at::mm(inputs.x, parents.gate.t()).std(0, false);
    const at::Tensor rows = moe::parting_rows(inputs, moe::leaf_membership(inputs, parents), noise, values_of<double>(spread));
    const at::Tensor together = rows.view({-1, copies, rows.size(1)});
    const moe::RouterRows replicas = rows_of(model.sparse[i]->router, *model.moe);
    const at::Tensor parted = replicas.gate + (together - together.mean(1, true)).reshape_as(rows);
    return moe::evened_rows(inputs, parted, replicas.top_k, replicas.selection);
  };
  for_each_layer(from, model, model.moe->layers, 1, make, [&](std::size_t i, const at::Tensor& rows) {
    Parameter& gate = model.sparse[i]->router.gate;
    gate.value.copy_(rows);
    gate.refresh_compute(model.decoder->type());
  });
}

std::vector<std::vector<at::Tensor>> evened_flat_rows(const BalancingText& from, TrainModel& model, moe::Conversion conversion,
                                                      const std::vector<double>& scales) {
  at::NoGradGuard no_grad;
  const std::int64_t experts = conversion.after.num_experts;
  std::vector<std::vector<at::Tensor>> by_scale(scales.size());
  const auto make = [&](std::size_t i, const moe::RouterInputs& inputs) {
    const moe::Selection selection = rows_of(model.sparse[i]->router, conversion.after).selection;
    std::vector<at::Tensor> rows;
    for (const double scale : scales) {
      conversion.flatten_scale = scale;
      const at::Tensor flat = at::empty({experts, inputs.x.size(1)}, at::kDouble);
      fill_flat_gate(from.old.sparse[i]->router, conversion, flat);
      rows.push_back(moe::evened_rows(inputs, flat, conversion.after.top_k, selection));
    }
    return at::cat(rows, 0);
  };
  for_each_old_layer(from, model.moe->layers, make, [&](std::size_t, const at::Tensor& rows) {
    for (std::size_t s = 0; s < scales.size(); ++s) by_scale[s].push_back(rows.narrow(0, static_cast<std::int64_t>(s) * experts, experts));
  });
  return by_scale;
}

}  // namespace sluice::recipes
