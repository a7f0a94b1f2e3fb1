// The interface of a model, whatever its architecture: what the training step, evaluation and checkpoints use. Legend: N rows, D model
// width.
#pragma once

#include "core/nn/attention.hpp"
#include "core/nn/feed_forward.hpp"
#include "core/nn/parameter.hpp"

#include <functional>
#include <map>
#include <string>
#include <vector>

namespace sluice {

/// The input of a forward pass.
struct Batch {
  at::Tensor ids;  // int64 [N], the token of each row of the table
  RowTable rows;
};

/// What a model keeps from one forward pass to the next when it generates text: the key/value caches of all layers. A new state is empty.
struct ModelState {
  std::vector<AttentionCache> layers;
  std::int64_t length = 0;  // tokens of each sequence that it holds
};

struct ForwardOutput {
  at::Tensor hidden;                           // [N, D], after the final norm; the input of the language-model head
  std::vector<SlotStatistics> statistics;      // one for each sparse slot, in the order of the layers
  std::map<std::string, at::Tensor> features;  // the features asked for, by path
};

/// Which values inside the model a forward pass returns.
struct FeatureRequest {
  /// "embedding", "layers.I" (the residual stream after layer I) or "layers.I.feed_forward.input". Other paths are ignored.
  std::vector<std::string> paths;
  /// Called with each feature [N, D]; what it returns is kept. If empty, the feature is kept as it is.
  std::function<at::Tensor(const at::Tensor&)> keep;
};

class Model {
 public:
  virtual ~Model() = default;

  /// Computes the hidden rows of a batch. `state` may be null. With a state (inference only, sequences of one length) the rows of the
  /// batch, whose positions count from 0, continue the sequences in it, and the state grows by them.
  virtual ForwardOutput forward(const Batch& batch, ModelState* state, const StepContext& context, const FeatureRequest& request = {}) = 0;
  /// All parameters in their canonical order, which is a function of the model alone.
  virtual std::vector<Parameter*> parameters() = 0;
  /// The feed-forward slot of a path such as "layers.3.feed_forward". Usage error if there is none.
  virtual FeedForward& slot(const std::string& path) = 0;

  /// Computes in another element type from now on. For example, the loss of a bfloat16 model around a conversion is measured in float32.
  virtual void set_type(at::ScalarType type) = 0;
  virtual at::ScalarType type() const = 0;
  /// The device that the parameters are on. The ids and row tables given to forward() must be on it, and its results are.
  virtual at::Device device() const = 0;
  /// Makes products see the current values of the parameters. To be called after they were changed, as by the optimizer.
  void refresh_compute();
};

}  // namespace sluice
