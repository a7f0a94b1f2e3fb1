// What a stage trains for: a list of named terms, each a sum over this rank's rows and an integer count of the whole step, so that nothing
// depends on how a step is cut into ranks or micro-batches. The step adds them up and knows none of them by name; those of today are in
// language_objective.hpp.
#pragma once

#include "recipes/stages/batch.hpp"
#include "recipes/stages/routing_ledger.hpp"
#include "recipes/stages/step_report.hpp"

#include <memory>
#include <string>
#include <vector>

namespace sluice::recipes {

/// Global counts of the whole step, known before forward.
struct StepCounts {
  std::int64_t targets = 0;  // tokens that count in the cross-entropy
  std::int64_t tokens = 0;   // present tokens
};

/// What a term's local sum is multiplied by, known before forward.
struct TermScale {
  double coefficient = 1.0;
  double inverse_count = 1.0;

  /// For a fused term, which needs all of it first.
  double value() const { return coefficient * inverse_count; }
  /// For a term that autograd differentiates.
  at::Tensor times(const at::Tensor& sum) const;
};

/// A micro-batch behind its forward pass.
struct Pass {
  const ModelInput& input;
  const ForwardOutput& output;
  const StepCounts& totals;
  const RoutingLedger& step_routing;  // of the whole step and all ranks; empty where nothing of the objective reads it before backward
};

/// A term, for one step.
class Term {
 public:
  Term(std::string name, double coefficient) : name_(std::move(name)), coefficient_(coefficient) {}
  virtual ~Term() = default;

  const std::string& name() const { return name_; }
  double coefficient() const { return coefficient_; }
  /// What its sum over the whole step is divided by; 0: the term is 0.
  virtual std::int64_t count(const StepCounts& totals) const = 0;
  /// This micro-batch's sum times `scale`, differentiable; called once for each. Nothing multiplies it afterwards, so what it is given is
  /// all that reaches its gradients. With a coefficient of 0 it may be undefined; what is reported under its name is noted all the same.
  virtual at::Tensor share(const Pass& pass, const TermScale& scale, StepReport& report) = 0;
  /// After the last micro-batch: the rest of what is reported.
  virtual void close(const StepCounts& totals, const RoutingLedger& step_routing, StepReport& report) {
    (void)totals;
    (void)step_routing;
    (void)report;
  }
  /// The number to show, from the report's sum over micro-batches and ranks.
  virtual double shown(double sum, const StepCounts& totals) const = 0;

 private:
  std::string name_;
  double coefficient_;
};

struct Objective {
  std::vector<std::unique_ptr<Term>> terms;
  /// Terms read the routing of the whole step (Pass::step_routing): with several micro-batches a pass without gradients over all of them
  /// collects it first.
  bool reads_step_routing = false;

  std::vector<std::string> names() const;
};

/// Sum of the shares of the terms that count, this micro-batch's share of the objective; undefined if none does.
at::Tensor objective_share(const Objective& objective, const Pass& pass, StepReport& report);

}  // namespace sluice::recipes
