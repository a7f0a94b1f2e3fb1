// What a stage trains for: a list of named terms. A term is a sum over rows, divided by an integer count of the whole step, so the result
// does not depend on how a step is divided into ranks and micro-batches. The training step adds the terms up and knows none of them by
// name. language_objective.hpp has the terms for text.
#pragma once

#include "core/tensor/tensor.hpp"
#include "parallel/comm/communicator.hpp"
#include "recipes/stages/batch.hpp"
#include "recipes/stages/routing_ledger.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace sluice::recipes {

/// Global counts of the whole step, known before forward.
struct StepCounts {
  std::int64_t targets = 0;  // tokens that count in the cross-entropy
  std::int64_t tokens = 0;   // present tokens
};

/// The factor of a term's local sum: coefficient / count of the whole step. It is known before forward.
struct TermScale {
  double coefficient = 1.0;
  double inverse_count = 1.0;

  /// The whole factor, for a fused term, which needs it as a number beforehand.
  double value() const { return coefficient * inverse_count; }
  /// `sum` times the factor, for a term that autograd differentiates.
  at::Tensor times(const at::Tensor& sum) const;
};

/// The numbers that a step reports, by name: sums over its micro-batches and all ranks. They stay on the model's device until reduce().
class StepReport {
 public:
  /// Starts with 0 for each of `names`, which must be different and the same on every rank.
  explicit StepReport(std::vector<std::string> names);

  /// Adds `value`, a tensor without dimensions, in float64 to the number `name`.
  void add(const std::string& name, const at::Tensor& value);
  /// Collective: the sums over all ranks, in one message, as float64 [names] on `device`, in the order of the names. Alone in its group a
  /// rank does not wait for it.
  at::Tensor reduce(parallel::Communicator& world, at::Device device, std::int64_t step) const;

 private:
  std::vector<std::string> names_;
  std::vector<at::Tensor> sums_;  // by name; undefined: 0
};

/// A micro-batch after its forward pass.
struct Pass {
  const ModelInput& input;
  const ForwardOutput& output;
  const StepCounts& totals;
  const RoutingLedger& step_routing;  // of the whole step and all ranks; empty unless Objective::reads_step_routing
};

/// A term of the objective; an object serves for one step.
class Term {
 public:
  Term(std::string name, double coefficient) : name_(std::move(name)), coefficient_(coefficient) {}
  virtual ~Term() = default;

  const std::string& name() const { return name_; }
  double coefficient() const { return coefficient_; }
  /// The count that the term's sum over the whole step is divided by; if it is 0, the term is 0.
  virtual std::int64_t count(const StepCounts& totals) const = 0;
  /// The sum over this micro-batch times `scale`, differentiable. Called once for each micro-batch. It is not multiplied by anything
  /// afterwards, so `scale` is all that scales its gradients. It adds the number to report to `report` under the term's name. With a
  /// coefficient of 0 the result may be undefined, but the number is reported all the same.
  virtual at::Tensor share(const Pass& pass, const TermScale& scale, StepReport& report) = 0;
  /// Called after the last micro-batch, to report what only the whole step tells.
  virtual void close(const StepCounts& totals, const RoutingLedger& step_routing, StepReport& report) {
    (void)totals;
    (void)step_routing;
    (void)report;
  }
  /// The number to show is the total that was reported over micro-batches and ranks, divided by this.
  virtual double divisor(const StepCounts& totals) const = 0;

 private:
  std::string name_;
  double coefficient_;
};

struct Objective {
  std::vector<std::unique_ptr<Term>> terms;
  /// Whether a term reads the routing of the whole step (Pass::step_routing). Then, if there are several micro-batches, a pass without
  /// gradients over all of them collects it first.
  bool reads_step_routing = false;

  std::vector<std::string> names() const;
};

/// This micro-batch's share of the objective: the sum of share() over the terms whose count is not 0; undefined if there is none.
at::Tensor objective_share(const Objective& objective, const Pass& pass, StepReport& report);

}  // namespace sluice::recipes
