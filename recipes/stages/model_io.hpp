// Tensors of a model in training <-> tensors of a checkpoint, by canonical name. Every rank reads what it holds.
#pragma once

#include "recipes/convert/model_description.hpp"
#include "recipes/convert/model_folder.hpp"
#include "recipes/stages/run_state.hpp"
#include "recipes/stages/train_model.hpp"

#include <filesystem>
#include <map>
#include <string>

namespace sluice::recipes {

/// The description of a model in training, as its checkpoints carry it.
ModelDescription describe(const TrainModel& model, std::int64_t eos_token_id);

/// Whole tensors that are state but no parameters: router biases, after a first step the counts of the previous one, the experts' dense
/// origin (dense_origin.hpp) and the held batch's choices at the last logged step.
/// Names: "correction_bias/SLOT", "counts/SLOT", "child_counts/SLOT", "origin/...", "held_choices"; a slot by its path.
std::map<std::string, at::Tensor> routing_state(TrainModel& model);

/// What run.json says of the routing: has_lagged_counts, bias_by_rows.
void describe_routing(const TrainModel& model, RunState& state);

/// A stored tensor of any floating-point or integer type as a tensor of its own.
at::Tensor to_tensor(const checkpoint::TensorView& view);

/// Fills every parameter (and router bias) from a folder opened and accounted for; `model` has the folder's description.
void load_weights(TrainModel& model, const ModelFolder& folder);

/// Fills optimizer moments, counts of updates, float32 masters, routing state and the routers' rule for bias steps from CHECKPOINT/state,
/// whose run.json is `then`, and makes products see the values. What was frozen then and is trained now begins without moments. Data error
/// unless exactly the tensors that `then` tells of are there.
void load_state(TrainModel& model, const std::filesystem::path& checkpoint, const RunState& then);

/// The experts' dense origin (dense_origin.hpp) as a checkpoint of ours at `checkpoint` tells it, for a run that begins with its weights;
/// nothing where it does not. Data error if what it tells does not fit `model`.
void load_origin(TrainModel& model, const std::filesystem::path& checkpoint);

/// Collective. The optimizer's counts of updates, of all ranks' leaves, for run.json (optimizer_steps, leaf_updates, slice_updates, frozen).
void collect_updates(TrainModel& model, const Layout& layout, RunState& state);

/// What state/optimizer*.safetensors of a model holds: exp_avg/NAME, exp_avg_sq/NAME, for bfloat16 models master/NAME (of frozen leaves too), and
/// updates/NAME [slices] of the leaves named in `state.slice_updates`; nothing else of frozen leaves. Data error where slice_updates names what
/// is no dimension of a leaf.
std::vector<checkpoint::TensorInfo> optimizer_tensors(const ModelDescription& model, const RunState& state);

}  // namespace sluice::recipes
