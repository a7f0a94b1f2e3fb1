// Legend: D model width, E experts, F expert width, S shards, r rows and c columns of a leaf.
#include "recipes/stages/convert_model.hpp"

#include "core/base/error.hpp"
#include "core/base/random.hpp"
#include "core/shape/tensor_id.hpp"
#include "core/tensor/host_integers.hpp"
#include "core/tensor/host_memory.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <vector>

namespace sluice::recipes {
namespace {

// [r, c]
at::Tensor as_rows(const at::Tensor& leaf) { return leaf.dim() > 1 ? leaf : leaf.view({-1, 1}); }

struct Rows {
  at::Tensor to, from;  // new and old row numbers, int64
};

Rows mapped_rows(const std::vector<std::int64_t>& rows, at::Device device) {
  std::vector<std::int64_t> to, from;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (rows[i] < 0) continue;
    to.push_back(static_cast<std::int64_t>(i));
    from.push_back(rows[i]);
  }
  return {integers_on(device, to), integers_on(device, from)};
}

// Adds factor times the rows and columns of the source that the term names.
void add_term(at::Tensor out_rc, const at::Tensor& source_rc, const moe::LeafTerm& term, double factor) {
  const Rows rows = mapped_rows(term.rows, out_rc.device());
  const at::Tensor part_rc = as_rows(source_rc).narrow(1, term.column_begin, term.column_count).index_select(0, rows.from);
  out_rc.index_add_(0, rows.to, part_rc * factor);
}

// Sets the value of a leaf to what its plan makes of the old values; rows that are drawn anew keep their values.
template <class Find>
void fill_from_terms(const at::Tensor& value, const moe::LeafPlan& plan, const Find& old_value) {
  for (std::size_t i = 0; i < plan.terms.size(); ++i) {
    if (i == 0) as_rows(value).index_fill_(0, mapped_rows(plan.terms[i].rows, value.device()).to, 0.0);
    add_term(as_rows(value), old_value(plan.terms[i].from), plan.terms[i], plan.terms[i].factor);
  }
}

// The dense weights that the experts of each shard are made of, for all shards, whichever rank owns the experts.
template <class Find>
DenseOrigin origin_of(const TrainModel& model, const moe::Conversion& conversion, const Find& old_value) {
  const std::int64_t shards = moe::num_shards(conversion), width = conversion.after.expert_hidden_size, hidden = model.config.hidden_size;
  DenseOrigin origin;
  for (std::int64_t e = 0; e < conversion.after.num_experts; ++e) origin.shard_of_expert.push_back(e % shards);
  for (std::size_t i = 0; i < model.sparse.size(); ++i) {
    const at::TensorOptions options = model.sparse[i]->experts.down.value.options();
    const at::Tensor gate_up_S2FD = at::zeros({shards, 2 * width, hidden}, options), down_SDF = at::zeros({shards, hidden, width}, options);
    for (std::int64_t s = 0; s < shards; ++s) {
      const auto fill = [&](const at::Tensor& part, TensorKind kind) {
        const TensorId expert{layer_path(conversion.after.layers[i]), TensorPart::kExpert, kind, s};
        const auto plan = moe::plan_leaf(conversion, expert, part.sizes().vec());
        if (!plan) throw usage_error("conversion: {} is not made of a dense feed-forward", name_of(expert));
        fill_from_terms(part, *plan, old_value);
      };
      fill(gate_up_S2FD[s].narrow(0, 0, width), TensorKind::kGate);
      fill(gate_up_S2FD[s].narrow(0, width, width), TensorKind::kUp);
      fill(down_SDF[s], TensorKind::kDown);
    }
    origin.layers.push_back({gate_up_S2FD.to(model.decoder->type()), down_SDF.to(model.decoder->type())});
  }
  return origin;
}

// Data error if the conversion did not use every tensor of the old model.
void require_none_lost(const LeafStore& sources, const std::set<std::string>& used) {
  constexpr std::size_t shown = 8;
  std::vector<std::string> lost;
  for (const LeafView& view : sources)
    if (used.count(view.leaf.name) == 0) lost.push_back(view.leaf.name);
  if (lost.empty()) return;
  std::sort(lost.begin(), lost.end());
  const std::size_t more = lost.size() > shown ? lost.size() - shown : 0;
  const std::size_t count = lost.size();
  lost.resize(count - more);
  throw data_error("conversion: {} tensors of the model before would be lost: {}{}", count, fmt::join(lost, ", "),
                   more > 0 ? fmt::format(" and {} more", more) : "");
}

// Adds noise times each row's own root mean square.
void add_relative_noise(at::Tensor rows_ED, const at::Tensor& noise_ED) { rows_ED.add_(noise_ED * rows_ED.square().mean(1, true).sqrt()); }

}  // namespace

TrainModel convert_model(TrainModel& old, const moe::Conversion& conversion, const Layout& layout, parallel::ExchangeKind exchange,
                         std::uint64_t seed, bool keep_moments) {
  at::NoGradGuard no_grad;
  const LeafStore sources = leaves_of(old);
  std::set<std::string> used;
  const auto source = [&](const TensorId& from, const std::string& wanted_by) -> const LeafView& {
    const std::string name = name_of(from);
    const LeafView* found = sources.find(name);
    if (found == nullptr) throw data_error("conversion: {} needs {}, which the model before has not", wanted_by, name);
    used.insert(name);
    return *found;
  };
  TrainModel model = build_model(old.config, conversion.after, layout, old.options(), exchange, ModelUse::kTraining, old.trainable);
  for (const LeafView& view : leaves_of(model)) {
    const std::string& name = view.leaf.name;
    const TensorId id = tensor_id_of(view.leaf.name);
    const std::optional<moe::LeafPlan> plan = moe::plan_leaf(conversion, id, view.leaf.shape);
    if (!plan) {
      const LeafView& same = source(id, name);
      view.value.copy_(same.value);
      if (view.updates == nullptr || same.updates == nullptr) continue;  // what was frozen has no moments to hand on
      view.exp_avg.copy_(same.exp_avg);
      view.exp_avg_sq.copy_(same.exp_avg_sq);
      *view.updates = *same.updates;
      continue;
    }
    const bool has_fresh_rows = plan->terms.empty() || std::count(plan->terms[0].rows.begin(), plan->terms[0].rows.end(), -1) > 0;
    if (has_fresh_rows && plan->fresh_std > 0) fill_normal(view.value, seed, name, plan->fresh_std, plan->tied_rows);
    fill_from_terms(view.value, *plan, [&](const TensorId& from) { return source(from, name).value; });
    if (!plan->terms.empty() && view.updates != nullptr) {
      const moe::LeafTerm& term = plan->terms.front();
      const LeafView& from = source(term.from, name);
      if (from.updates == nullptr) continue;
      // Without the shares the moments of a dense model would be far too large for n copies, whose updates would almost stop until the
      // moments have decayed, after some 2 ln(n) / (1 - beta2) steps.
      add_term(as_rows(view.exp_avg), from.exp_avg, term, plan->gradient_share / term.factor);
      add_term(as_rows(view.exp_avg_sq), from.exp_avg_sq, term, plan->squared_share / (term.factor * term.factor));
      *view.updates = from.updates->of_part(term.rows, term.column_begin, term.column_count);
    }
  }
  if (!conversion.before)
    model.origin = origin_of(model, conversion, [&](const TensorId& from) { return source(from, "the experts' origin").value; });
  else if (old.origin) model.origin = old.origin->grown(conversion.after.num_experts / conversion.before->num_experts);
  require_none_lost(sources, used);
  for (std::size_t i = 0; i < model.sparse.size() && conversion.before; ++i) {
    moe::Router& now = model.sparse[i]->router;
    const moe::Router& then = old.sparse[i]->router;
    now.bias_loaded = then.has_bias();
    const std::int64_t copies = now.correction_bias.numel() / then.correction_bias.numel();
    // Softmax scores sum to 1, so each of `copies` equal rows has 1 / copies of the old score; the bias added to it must shrink alike.
    const double share = conversion.after.score_func == moe::ScoreFunction::kSoftmax ? 1.0 / static_cast<double>(copies) : 1.0;
    now.correction_bias.copy_(then.correction_bias.repeat_interleave(copies) * share);
  }
  if (keep_moments) {
    model.optimizer.set_steps(old.optimizer.steps());
  } else {
    model.optimizer = AdamW();  // frees the old moments before the new ones are allocated
    model.optimizer = AdamW(model.parameters);
  }
  model.decoder->refresh_compute();
  return model;
}

void fill_flat_gate(const moe::Router& then, const moe::Conversion& conversion, const at::Tensor& gate) {
  const TensorId id = tensor_id_of(then.gate.name);
  const auto plan = moe::plan_leaf(conversion, id, gate.sizes().vec());
  if (!plan) throw usage_error("conversion: {} is made otherwise than by flattening", name_of(id));
  fill_from_terms(gate, *plan, [&](const TensorId& from) {
    return (from.kind == TensorKind::kWeight ? then.gate.value : then.family_gate.value).to(gate.options());
  });
}

void rescale_flattened(TrainModel& old, TrainModel& model, const moe::Conversion& conversion) {
  at::NoGradGuard no_grad;
  for (std::size_t i = 0; i < model.sparse.size(); ++i) {
    Parameter& gate = model.sparse[i]->router.gate;
    fill_flat_gate(old.sparse[i]->router, conversion, gate.value);
    gate.refresh_compute(model.decoder->type());
  }
}

void set_gates(TrainModel& model, const std::vector<at::Tensor>& rows) {
  at::NoGradGuard no_grad;
  for (std::size_t i = 0; i < model.sparse.size(); ++i) {
    Parameter& gate = model.sparse[i]->router.gate;
    gate.value.copy_(rows[i]);
    gate.refresh_compute(model.decoder->type());
  }
}

void perturb_experts(TrainModel& model, double relative_noise, double reinit_fraction, std::int64_t copies, std::uint64_t seed) {
  at::NoGradGuard no_grad;
  for (const LeafView& view : leaves_of(model)) {
    const std::string& name = view.leaf.name;
    const TensorId id = tensor_id_of(view.leaf.name);
    if (id.part != TensorPart::kExpert || (copies > 1 && id.expert % copies == 0)) continue;
    const double std = view.value.std(false).item<double>(), mean = view.value.mean().item<double>();
    at::Tensor draw = at::empty_like(view.value);
    if (relative_noise > 0) {
      fill_normal(draw, seed, name + "#noise", relative_noise * std);
      view.value.add_(draw);
    }
    if (reinit_fraction > 0) {
      // The columns must be the same in gate, up and down, so the key names the expert and not the leaf.
      const bool down = id.kind == TensorKind::kDown;
      const std::int64_t width = down ? view.value.size(1) : view.value.size(0);
      const std::uint64_t key = random_key(seed, expert_prefix(id.layer, id.expert) + "#reinit");
      std::vector<std::int64_t> columns;
      const auto count = static_cast<std::int64_t>(reinit_fraction * static_cast<double>(width));
      for (std::int64_t i = 0; i < count; ++i)
        columns.push_back(
            static_cast<std::int64_t>(random_permutation(key, static_cast<std::uint64_t>(width), static_cast<std::uint64_t>(i))));
      fill_normal(draw, seed, name + "#reinit", std);
      const at::Tensor index = integers_on(view.value.device(), columns);
      const std::int64_t dim = down ? 1 : 0;
      view.value.index_copy_(dim, index, draw.index_select(dim, index) + mean);
      if (view.updates == nullptr) continue;
      // Adam's moments of the old weights say nothing about the new ones.
      view.exp_avg.index_fill_(dim, index, 0.0);
      view.exp_avg_sq.index_fill_(dim, index, 0.0);
      view.updates->restart(dim, width, columns);
    }
  }
  model.decoder->refresh_compute();
}

void spread_tokens(TrainModel& old, TrainModel& model, moe::NewRows new_rows, const Layout& layout, const EvaluationSet& held,
                   std::int64_t step) {
  if (new_rows == moe::NewRows::kNone) return;
  const bool family = new_rows == moe::NewRows::kFamilyGate;
  at::NoGradGuard no_grad;
  const std::vector<std::string> paths = feed_forward_inputs(model.moe->layers);
  const auto means = held_means(old, held, paths, step);
  for (std::size_t i = 0; i < model.sparse.size(); ++i) {
    moe::Router& router = model.sparse[i]->router;
    at::Tensor rows_ED = family ? router.family_gate.value : router.gate.value;
    if (family) {
      const std::int64_t before = old.sparse[i]->router.family_gate.value.defined() ? old.sparse[i]->router.family_gate.value.size(0) : 0;
      rows_ED = rows_ED.narrow(0, before, rows_ED.size(0) - before);
    }
    const at::Tensor mean_D = means.at(paths[i]).to(rows_ED.scalar_type()).contiguous();
    // Ranks may round the pass differently, and dense parameters must stay the same on all of them.
    const HostMemory memory = to_host(mean_D);
    layout.world->start_broadcast(memory.bytes().data(), mean_D.nbytes(), 0, {"mean input", step, model.sparse[i]->path(), "receipt"})
        .finish();
    memory.give_back();
    const at::Tensor direction_D = mean_D / mean_D.norm().clamp_min(1e-30);
    // Row by row in one order, so that tied rows stay equal bit for bit.
    const at::Tensor along_E1 = (rows_ED * direction_D).sum(1, true);
    rows_ED.sub_(along_E1 * direction_D);
  }
  model.decoder->refresh_compute();
}

void part_twins(TrainModel& model, double relative, std::uint64_t seed) {
  at::NoGradGuard no_grad;
  for (moe::MoeFeedForward* slot : model.sparse) {
    at::Tensor rows_ED = slot->router.gate.value;
    at::Tensor draw_ED = at::empty_like(rows_ED);
    fill_normal(draw_ED, seed, slot->router.gate.name + "#twins", relative, 2);
    const at::Tensor sign_E1 = 1 - 2 * (at::arange(rows_ED.size(0), rows_ED.options()).remainder(2)).unsqueeze(1);
    add_relative_noise(rows_ED, draw_ED * sign_E1);
  }
  model.decoder->refresh_compute();
}

void part_replicas(TrainModel& model, std::int64_t copies, double relative, std::uint64_t seed) {
  at::NoGradGuard no_grad;
  for (moe::MoeFeedForward* slot : model.sparse) {
    at::Tensor rows_ED = slot->router.gate.value;
    at::Tensor draw_ED = at::empty_like(rows_ED);
    fill_normal(draw_ED, seed, slot->router.gate.name + "#replicas", relative);
    const at::Tensor replica_E1 = (at::arange(rows_ED.size(0), rows_ED.options()).remainder(copies) != 0).unsqueeze(1);
    add_relative_noise(rows_ED, draw_ED * replica_E1);
  }
  model.decoder->refresh_compute();
}

}  // namespace sluice::recipes
