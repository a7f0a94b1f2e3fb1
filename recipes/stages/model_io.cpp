#include "recipes/stages/model_io.hpp"

#include "core/base/error.hpp"
#include "core/checkpoint/accounting.hpp"
#include "core/tensor/dtype_map.hpp"
#include "core/tensor/host_memory.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <limits>

namespace sluice::recipes {
namespace {

using checkpoint::StoredType;

at::ScalarType scalar_type(const checkpoint::TensorView& view) {
  switch (view.info.type) {
    case StoredType::kF32: return at::kFloat;
    case StoredType::kF64: return at::kDouble;
    case StoredType::kBF16: return at::kBFloat16;
    case StoredType::kF16: return at::kHalf;
    case StoredType::kI64: return at::kLong;
    case StoredType::kI32: return at::kInt;
    default:
      throw data_error("tensor {}: element type {} is not one that Sluice reads", view.info.name, checkpoint::name_of(view.info.type));
  }
}

std::vector<std::string> slots_of(const TrainModel& model) {
  std::vector<std::string> paths;
  for (const moe::MoeFeedForward* slot : model.sparse) paths.push_back(slot->path());
  return paths;
}

// The tensor WHAT/SLOT of the i-th sparse slot. It is named by the slot's path or, in checkpoints of earlier versions, by the layer's
// number.
const checkpoint::TensorView& of_slot(const checkpoint::TensorIndex& routing, const std::string& what, const TrainModel& model,
                                      std::size_t i) {
  const std::string by_number = fmt::format("{}/{}", what, model.moe->layers[i]);
  return routing.at(routing.contains(by_number) ? by_number : what + "/" + model.sparse[i]->path());
}

// The dense origin in a checkpoint's state; nothing in checkpoints of earlier versions and of models that began sparse.
std::optional<DenseOrigin> read_origin(const checkpoint::TensorIndex& routing, const TrainModel& model) {
  if (!routing.contains("origin/shards")) return std::nullopt;
  const std::int64_t width = model.moe->expert_hidden_size, hidden = model.config.hidden_size;
  const auto read = [&](const checkpoint::TensorView& stored, std::int64_t rows, std::int64_t columns) {
    at::Tensor tensor = to_tensor(stored).to(model.decoder->device());
    if (tensor.dim() != 3 || tensor.size(1) != rows || tensor.size(2) != columns)
      throw data_error("{}: {} has shape {}, expected shards x {} x {}", routing.folder().string(), stored.info.name,
                       fmt::join(tensor.sizes(), "x"), rows, columns);
    return tensor;
  };
  DenseOrigin origin;
  const at::Tensor shards = to_tensor(routing.at("origin/shards"));
  origin.shard_of_expert = values_of<std::int64_t>(shards);
  for (std::size_t i = 0; i < model.sparse.size(); ++i)
    origin.layers.push_back({read(of_slot(routing, "origin/gate_up", model, i), 2 * width, hidden),
                             read(of_slot(routing, "origin/down", model, i), hidden, width)});
  const auto experts = static_cast<std::int64_t>(origin.shard_of_expert.size());
  if (experts != model.moe->num_experts)
    throw data_error("{}: origin/shards names {} experts, expected {}", routing.folder().string(), experts, model.moe->num_experts);
  for (const DenseOrigin::Layer& layer : origin.layers) {
    const std::int64_t count = std::min(layer.gate_up.size(0), layer.down.size(0));
    for (const std::int64_t shard : origin.shard_of_expert)
      if (shard < 0 || shard >= count)
        throw data_error("{}: origin/shards names shard {}, expected 0 to {}", routing.folder().string(), shard, count - 1);
  }
  return origin;
}

}  // namespace

ModelDescription describe(const TrainModel& model, std::int64_t eos_token_id) {
  ModelDescription description;
  description.decoder = model.config;
  description.moe = model.moe;
  description.eos_token_id = eos_token_id;
  description.dtype = from_torch(model.decoder->type());
  description.has_router_bias = !model.sparse.empty() && model.sparse.front()->router.has_bias();
  return description;
}

std::map<std::string, at::Tensor> routing_state(TrainModel& model) {
  std::map<std::string, at::Tensor> state;
  for (std::size_t i = 0; i < model.sparse.size(); ++i) {
    const std::string& slot = model.sparse[i]->path();
    if (model.sparse[i]->router.has_bias()) state["correction_bias/" + slot] = model.sparse[i]->router.correction_bias;
    if (model.last_routing.empty()) continue;
    const moe::BalanceCounts counts = model.last_routing.slots()[i].balance();
    state["counts/" + slot] = counts.counts;
    state["child_counts/" + slot] = counts.child_counts;
  }
  if (model.origin) state.merge(to_tensors(*model.origin, slots_of(model)));
  if (model.held_choices.defined()) state["held_choices"] = model.held_choices;
  return state;
}

void describe_routing(const TrainModel& model, RunState& state) {
  state.has_lagged_counts = model.moe && !model.last_routing.empty();
  state.bias_by_rows = model.sparse.empty() || model.sparse.front()->router.bias_by_rows;
}

at::Tensor to_tensor(const checkpoint::TensorView& view) {
  at::Tensor tensor = at::empty(view.info.shape, at::TensorOptions().dtype(scalar_type(view)));
  const HostMemory memory = from_host(tensor);
  std::memcpy(memory.bytes().data(), view.bytes.data(), view.bytes.size());
  memory.give_back();
  return tensor;
}

void load_weights(TrainModel& model, const ModelFolder& folder) {
  at::NoGradGuard no_grad;
  for (const LeafView& view : leaves_of(model)) {
    const auto found = folder.tensors.find(view.leaf.name);
    if (found == folder.tensors.end()) throw data_error("{}: tensor {} is missing", folder.index.folder().string(), view.leaf.name);
    view.value.copy_(to_tensor(found->second));
  }
  for (std::size_t i = 0; i < model.sparse.size(); ++i) {
    moe::Router& router = model.sparse[i]->router;
    const auto found =
        folder.tensors.find(name_of(TensorId{layer_path(model.moe->layers[i]), TensorPart::kRouter, TensorKind::kSelectionBias}));
    if (found == folder.tensors.end()) continue;
    router.correction_bias.copy_(to_tensor(found->second));
    router.bias_loaded = true;  // the bias takes part in choosing experts even if this run does not update it
  }
  model.decoder->refresh_compute();
}

std::vector<checkpoint::TensorInfo> optimizer_tensors(const ModelDescription& model, const RunState& state) {
  const StoredType type = model.dtype == DType::kFloat64 ? StoredType::kF64 : StoredType::kF32;
  std::vector<checkpoint::TensorInfo> tensors;
  for (const CanonicalTensor& tensor : canonical_tensors(model)) {
    if (tensor.id.is_statistic()) continue;
    if (model.dtype == DType::kBFloat16) tensors.push_back({"master/" + tensor.name, type, tensor.shape});
    if (state.frozen.contains(tensor.name)) continue;
    tensors.push_back({"exp_avg/" + tensor.name, type, tensor.shape});
    tensors.push_back({"exp_avg_sq/" + tensor.name, type, tensor.shape});
    const auto sliced = state.slice_updates.find(tensor.name);
    if (sliced == state.slice_updates.end()) continue;
    const std::int64_t dim = sliced->second, dims = static_cast<std::int64_t>(tensor.shape.size());
    if (dim < 0 || dim >= dims) throw data_error("updates of {} are told along dimension {}, it has {}", tensor.name, dim, dims);
    tensors.push_back({"updates/" + tensor.name, StoredType::kI64, {tensor.shape[static_cast<std::size_t>(dim)]}});
  }
  return tensors;
}

void collect_updates(TrainModel& model, const Layout& layout, RunState& state) {
  const LeafStore mine = owned_leaves_of(model);
  // For each leaf its count of updates; -1 - dim if it has a count for each slice along `dim`; kFrozen; or kElsewhere, the lowest number,
  // if another rank holds the leaf. The maximum over the ranks is the holder's value.
  constexpr std::int64_t kElsewhere = std::numeric_limits<std::int64_t>::min(), kFrozen = kElsewhere + 1;
  std::vector<std::string> names;
  std::vector<std::int64_t> updates;
  for (const CanonicalTensor& tensor : canonical_tensors(describe(model, -1))) {
    if (tensor.id.is_statistic()) continue;
    names.push_back(tensor.name);
    const LeafView* found = mine.find(tensor.name);
    if (found == nullptr) updates.push_back(kElsewhere);
    else if (found->updates == nullptr) updates.push_back(kFrozen);
    else updates.push_back(found->updates->whole() ? found->updates->updates()[0] : -1 - found->updates->dim());
  }
  const parallel::OperationLabel label{"counts of updates", state.step, "", "save"};
  layout.save->start_all_reduce(updates.data(), updates.size(), DType::kInt64, parallel::ReduceOp::kMax, label).finish();
  state.optimizer_steps = model.optimizer.steps();
  state.leaf_updates.clear();
  state.slice_updates.clear();
  state.frozen.clear();
  for (std::size_t i = 0; i < names.size(); ++i)
    if (updates[i] == kFrozen) state.frozen.insert(names[i]);
    else if (updates[i] < 0) state.slice_updates[names[i]] = -1 - updates[i];
    else if (updates[i] != state.optimizer_steps) state.leaf_updates[names[i]] = updates[i];
}

void load_state(TrainModel& model, const std::filesystem::path& checkpoint, const RunState& then) {
  at::NoGradGuard no_grad;
  const auto index = checkpoint::TensorIndex::open(checkpoint / "state", "optimizer");
  std::vector<checkpoint::TensorInfo> found;
  for (const auto& [name, view] : index.tensors()) found.push_back(view.info);
  const auto expected = optimizer_tensors(describe(model, -1), then);
  checkpoint::require_all_accounted(checkpoint::account_tensors(expected, found, checkpoint::TypeRule::kExact),
                                    (checkpoint / "state").string());
  const bool masters = model.decoder->type() == at::kBFloat16;
  for (const LeafView& view : owned_leaves_of(model)) {
    const auto stored = [&](const char* kind) { return view.owned_part(to_tensor(index.at(kind + view.leaf.name))); };
    if (masters) view.value.copy_(stored("master/"));
    if (view.updates == nullptr || then.frozen.contains(view.leaf.name)) continue;
    view.exp_avg.copy_(stored("exp_avg/"));
    view.exp_avg_sq.copy_(stored("exp_avg_sq/"));
    const auto whole = then.leaf_updates.find(view.leaf.name), sliced = then.slice_updates.find(view.leaf.name);
    if (sliced != then.slice_updates.end()) {
      const at::Tensor updates = to_tensor(index.at("updates/" + view.leaf.name));
      *view.updates = UpdateCounts(sliced->second, values_of<std::int64_t>(updates));
    } else {
      *view.updates = UpdateCounts(whole != then.leaf_updates.end() ? whole->second : then.optimizer_steps);
    }
  }
  model.optimizer.set_steps(then.optimizer_steps);
  model.decoder->refresh_compute();
  if (!model.moe) return;
  const auto routing = checkpoint::TensorIndex::open(checkpoint / "state", "routing");
  std::vector<SlotCounts> last;
  for (std::size_t i = 0; i < model.sparse.size(); ++i) {
    moe::Router& router = model.sparse[i]->router;
    if (router.has_bias()) router.correction_bias.copy_(to_tensor(of_slot(routing, "correction_bias", model, i)));
    router.bias_by_rows = then.bias_by_rows;
    if (!then.has_lagged_counts) continue;
    const auto counts = [&](const char* what) {
      return to_tensor(of_slot(routing, what, model, i)).squeeze(0).to(model.decoder->device());
    };
    last.push_back({model.sparse[i]->path(), counts("counts"), counts("child_counts"), {}, {}});
  }
  model.last_routing = RoutingLedger(std::move(last));
  model.origin = read_origin(routing, model);
  if (routing.contains("held_choices")) model.held_choices = to_tensor(routing.at("held_choices")).to(model.decoder->device());
}

void load_origin(TrainModel& model, const std::filesystem::path& checkpoint) {
  if (!model.moe || !std::filesystem::is_regular_file(checkpoint / "state" / "run.json")) return;
  const auto routing = checkpoint::TensorIndex::open(checkpoint / "state", "routing");
  model.origin = read_origin(routing, model);
}

}  // namespace sluice::recipes
