#include "recipes/stages/language_objective.hpp"

#include "core/nn/cross_entropy.hpp"

namespace sluice::recipes {
namespace {

class CrossEntropyTerm : public Term {
 public:
  explicit CrossEntropyTerm(Decoder& model) : Term("loss", 1.0), model_(model) {}
  std::int64_t count(const StepCounts& totals) const override { return totals.targets; }
  at::Tensor share(const Pass& pass, const TermScale& scale, StepReport& report) override {
    at::Tensor nll;
    const at::Tensor share = linear_cross_entropy(pass.output.hidden, pass.input.targets, model_.head(), scale.value(), &nll,
                                                  model_.head_numerics, name().c_str());
    report.add(name(), nll.sum(at::kDouble));
    return share;
  }
  double divisor(const StepCounts& totals) const override { return static_cast<double>(totals.targets); }

 private:
  Decoder& model_;
};

// A term that is a sum over all sparse slots.
class SlotsTerm : public Term {
 public:
  SlotsTerm(std::string name, double coefficient, std::size_t slots) : Term(std::move(name), coefficient), slots_(slots) {}
  std::int64_t count(const StepCounts& totals) const override { return totals.tokens; }
  double divisor(const StepCounts&) const override { return static_cast<double>(slots_); }

 protected:
  // Reports a slot's sum divided by the tokens of the step; `sum` is of one micro-batch or of the whole step.
  void add_mean(const at::Tensor& sum, const StepCounts& totals, StepReport& report) const {
    report.add(name(), sum.detach().to(at::kDouble) / static_cast<double>(totals.tokens));
  }
  // The sum over the slots of sum_of_slot() times `scale`; undefined if the coefficient is 0.
  template <class SumOfSlot>
  at::Tensor share_of_slots(const TermScale& scale, const SumOfSlot& sum_of_slot) const {
    at::Tensor sum;
    for (std::size_t i = 0; i < slots_ && scale.coefficient != 0.0; ++i) {
      const at::Tensor share = scale.times(sum_of_slot(i));
      sum = sum.defined() ? sum + share : share;
    }
    return sum;
  }

 private:
  std::size_t slots_;
};

class RouterZTerm : public SlotsTerm {
 public:
  RouterZTerm(double coefficient, std::size_t slots) : SlotsTerm("z_loss", coefficient, slots) {}
  at::Tensor share(const Pass& pass, const TermScale& scale, StepReport& report) override {
    for (const SlotStatistics& slot : pass.output.statistics) add_mean(slot.z_sum, pass.totals, report);
    return share_of_slots(scale, [&](std::size_t i) { return pass.output.statistics[i].z_sum; });
  }
};

class BalanceTerm : public SlotsTerm {
 public:
  explicit BalanceTerm(const TrainModel& model)
      : SlotsTerm("load_balancing_loss", model.moe->aux_loss_coef, model.sparse.size()), config_(*model.moe), last_(model.last_routing) {}

  at::Tensor share(const Pass& pass, const TermScale& scale, StepReport& report) override {
    for (std::size_t i = 0; i < pass.output.statistics.size(); ++i) note(i, pass, report);
    return share_of_slots(scale, [&](std::size_t i) {
      const SlotStatistics& slot = pass.output.statistics[i];
      return moe::balance_loss_sum(config_, slot, counts(i, slot, pass.step_routing));
    });
  }

  // Reports the loss made of the probabilities and counts of the whole step, whatever part of them each micro-batch used.
  void close(const StepCounts& totals, const RoutingLedger& step_routing, StepReport& report) override {
    for (std::size_t i = 0; i < sums_.size(); ++i)
      add_mean(moe::balance_loss_sum(config_, sums_[i], counts(i, sums_[i], step_routing)), totals, report);
  }

 private:
  void note(std::size_t i, const Pass& pass, StepReport& report) {
    const SlotStatistics& slot = pass.output.statistics[i];
    if (config_.balance_loss == moe::BalanceLoss::kSequence) {
      at::NoGradGuard no_grad;
      add_mean(moe::balance_loss_sum(config_, slot, {slot.counts, slot.child_counts}), pass.totals, report);
    } else if (sums_.size() <= i) {
      sums_.push_back({slot.path, slot.probability_sum.detach().clone(), {}, slot.child_probability_sum.detach().clone(), {}, {}, {}, {}});
    } else {
      sums_[i].probability_sum.add_(slot.probability_sum.detach());
      sums_[i].child_probability_sum.add_(slot.child_probability_sum.detach());
    }
  }

  // The counts that the load fractions f_i are made of: the whole step's, the previous step's (uniform before the first step), or those of
  // the micro-batch itself.
  moe::BalanceCounts counts(std::size_t i, const SlotStatistics& slot, const RoutingLedger& step_routing) const {
    switch (config_.balance_loss) {
      case moe::BalanceLoss::kGlobal: return step_routing.slots().at(i).balance();
      case moe::BalanceLoss::kSequence: return {slot.counts, slot.child_counts};
      case moe::BalanceLoss::kLagged: break;
    }
    if (!last_.empty()) return last_.slots().at(i).balance();
    const auto ones = [](const at::Tensor& like) { return at::ones(like.sizes(), like.options().dtype(at::kLong).requires_grad(false)); };
    return {ones(slot.probability_sum), ones(slot.child_probability_sum)};
  }

  const moe::MoeConfig& config_;
  const RoutingLedger& last_;
  std::vector<SlotStatistics> sums_;  // by slot: sums of probabilities over the micro-batches so far
};

}  // namespace

bool reads_step_routing(const moe::MoeConfig& moe) { return moe.balance_loss == moe::BalanceLoss::kGlobal && moe.aux_loss_coef > 0; }

Objective language_objective(const TrainModel& model) {
  Objective objective;
  objective.terms.push_back(std::make_unique<CrossEntropyTerm>(*model.decoder));
  if (!model.moe) return objective;
  objective.terms.push_back(std::make_unique<BalanceTerm>(model));
  objective.terms.push_back(std::make_unique<RouterZTerm>(model.moe->z_loss_coef, model.sparse.size()));
  objective.reads_step_routing = reads_step_routing(*model.moe);
  return objective;
}

}  // namespace sluice::recipes
