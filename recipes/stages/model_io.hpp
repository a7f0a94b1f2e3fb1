// Maps tensors of a model in training to tensors of a checkpoint and back, by canonical name. Every rank reads the tensors that it holds.
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

/// Tensors that are state of the routing but no parameters: router biases, the counts of the last finished step (if there was one), the
/// experts' dense origin (dense_origin.hpp), and the experts chosen for the held batch at the last logged step. They are whole on every
/// rank. Names: "correction_bias/SLOT", "counts/SLOT", "child_counts/SLOT", "origin/...", "held_choices", where SLOT is the path of a
/// sparse layer.
std::map<std::string, at::Tensor> routing_state(TrainModel& model);

/// Sets the fields of `state` about the routing: has_lagged_counts and bias_by_rows.
void describe_routing(const TrainModel& model, RunState& state);

/// A copy of a stored tensor of any floating-point or integer type, in that type.
at::Tensor to_tensor(const checkpoint::TensorView& view);

/// Fills every parameter, and router biases, from an opened folder; `model` must have been built from the folder's description.
void load_weights(TrainModel& model, const ModelFolder& folder);

/// Fills Adam's moments, counts of updates, float32 master weights, routing state and the routers' rule for bias steps from
/// CHECKPOINT/state, whose run.json is `then`; refreshes the copies that products read. A leaf that was frozen then and is trained now
/// begins without moments. Data error unless the state holds exactly the tensors that follow from `then`.
void load_state(TrainModel& model, const std::filesystem::path& checkpoint, const RunState& then);

/// Sets the experts' dense origin (dense_origin.hpp) of a run that begins with the weights in `checkpoint`. Does nothing if that is no
/// checkpoint of ours, or has no origin. Data error if its origin does not fit `model`.
void load_origin(TrainModel& model, const std::filesystem::path& checkpoint);

/// Collective. Sets the optimizer's counts of updates of all ranks' leaves in `state`: optimizer_steps, leaf_updates, slice_updates,
/// frozen.
void collect_updates(TrainModel& model, const Layout& layout, RunState& state);

/// The tensors in state/optimizer*.safetensors of a model: exp_avg/NAME and exp_avg_sq/NAME of each leaf that is not frozen; of bfloat16
/// models also master/NAME of every leaf; and updates/NAME [slices] of the leaves in `state.slice_updates`. Data error if slice_updates
/// names a dimension that its leaf does not have.
std::vector<checkpoint::TensorInfo> optimizer_tensors(const ModelDescription& model, const RunState& state);

}  // namespace sluice::recipes
