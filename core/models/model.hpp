// What the step, the receipts and the checkpoints know of a model, whichever it is. Legend: N rows, D model width.
#pragma once

#include "core/nn/attention.hpp"
#include "core/nn/feed_forward.hpp"
#include "core/nn/parameter.hpp"

#include <functional>
#include <map>
#include <string>
#include <vector>

namespace sluice {

/// Rows as a model takes them.
struct Batch {
  at::Tensor ids;  // int64 [N], in the order of the table
  RowTable rows;
};

/// What a model carries from one forward pass to the next: key/value caches of all layers.
struct ModelState {
  std::vector<AttentionCache> layers;
  std::int64_t length = 0;  // rows of each sequence that it holds
};

struct ForwardOutput {
  at::Tensor hidden;                           // [N, D], after the final norm
  std::vector<SlotStatistics> statistics;      // one per sparse slot, in the order of the model
  std::map<std::string, at::Tensor> features;  // what was asked for, by path
};

struct FeatureRequest {
  std::vector<std::string> paths;  // "embedding", "layers.I" (residual stream after layer I), "layers.I.feed_forward.input"
  std::function<at::Tensor(const at::Tensor&)> keep;  // what of a captured feature [N, D] is kept; all of it where this is empty
};

class Model {
 public:
  virtual ~Model() = default;

  /// With a state (inference only) the rows continue it, and it grows by them.
  virtual ForwardOutput forward(const Batch& batch, ModelState* state, const StepContext& context, const FeatureRequest& request = {}) = 0;
  /// In canonical order, a function of the model alone.
  virtual std::vector<Parameter*> parameters() = 0;
  /// The slot of a path such as "layers.3.feed_forward". Usage error if there is none.
  virtual FeedForward& slot(const std::string& path) = 0;

  /// Computes in another element type from now on (receipts of bfloat16 models are evaluated in float32).
  virtual void set_type(at::ScalarType type) = 0;
  virtual at::ScalarType type() const = 0;
  /// Where it lives, and so what it is given.
  virtual at::Device device() const = 0;
  /// Makes products see the current values (after an optimizer step).
  void refresh_compute();
};

}  // namespace sluice
