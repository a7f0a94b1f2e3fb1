// Legend: R rows, D model width, F expert width, p rows of one expert with the padding that products need (ops::product_rows), P such rows
// of all experts.
#include "moe/grouped_experts.hpp"

#include "core/nn/linear.hpp"
#include "core/nn/swiglu.hpp"
#include "core/ops/backend.hpp"
#include "core/ops/grouped_product.hpp"
#include "core/ops/swiglu.hpp"
#include "core/tensor/accumulate_product.hpp"
#include "moe/plan/moe_tensors.hpp"

#include <optional>

namespace sluice::moe {
namespace {

using ops::clear_rows_from, ops::for_each_group, ops::product_input, ops::product_into, ops::product_rows;

std::vector<std::int64_t> padded_rows(std::vector<std::int64_t> counts, at::ScalarType product) {
  for (std::int64_t& count : counts) count = product_rows(count, product);
  return counts;
}

// The gradient of a weight [L, out, in], if it is wanted, written group by group from any thread.
class WeightGradient {
 public:
  WeightGradient(Parameter& weight, bool wanted, const std::vector<std::int64_t>& counts) {
    if (!wanted) return;
    workspaces_ = weight.gradient.workspaces();
    target_ = writer_.emplace(weight.gradient).target();
    ops::clear_empty_groups(target_.sum, counts, target_.beta);
  }
  bool wanted() const { return writer_.has_value(); }
  void add(std::int64_t group, const at::Tensor& lhs, const at::Tensor& rhs) const {
    accumulate_product(target_.sum.select(0, group), lhs, rhs, target_.beta, workspaces_);
  }

 private:
  std::optional<GradientWriter> writer_;
  GradientWriter::Target target_{};
  Workspaces* workspaces_ = nullptr;
};

// As LinearFunction (core/nn/linear.cpp): the weight is what products see of `parameter`, or a transformed one.
struct GroupedLinearFunction : torch::autograd::Function<GroupedLinearFunction> {
  static at::Tensor forward(torch::autograd::AutogradContext* ctx, const at::Tensor& rows, const at::Tensor& weight, Parameter* parameter,
                            bool is_own, const at::Tensor& counts) {
    const at::Tensor w = is_own ? parameter->compute : weight.to(parameter->compute.scalar_type());
    ctx->save_for_backward({rows, is_own ? at::Tensor() : w, counts});
    ctx->saved_data["parameter"] = reinterpret_cast<std::int64_t>(parameter);
    return ops::grouped_product(rows, w, counts);
  }
  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* ctx, torch::autograd::variable_list grads) {
    const auto saved = ctx->get_saved_variables();
    const at::Tensor &rows = saved[0], &counts = saved[2];
    auto* parameter = reinterpret_cast<Parameter*>(ctx->saved_data["parameter"].toInt());
    const bool is_own = !saved[1].defined();
    const at::Tensor& w = is_own ? parameter->compute : saved[1];
    const at::Tensor dy = grads[0].contiguous();
    at::Tensor dw;
    if (ctx->needs_input_grad(1) && is_own) {
      GradientWriter writer(parameter->gradient);
      const auto [sum, beta] = writer.target();
      ops::grouped_weight_gradient(dy, rows, counts, w.scalar_type(), sum, beta);
    } else if (ctx->needs_input_grad(1)) {
      dw = at::empty_like(parameter->value);
      ops::grouped_weight_gradient(dy, rows, counts, w.scalar_type(), dw, 0.0);
    }
    return {ops::grouped_product_backward(dy, w, counts), dw, at::Tensor(), at::Tensor(), at::Tensor()};
  }
};

// On the CPU's kernels alone. Stores rows, gate_up (with the rows that products are made with) and the row weights; the hidden activations
// are made again in backward.
struct ExpertsFunction : torch::autograd::Function<ExpertsFunction> {
  static at::Tensor forward(torch::autograd::AutogradContext* ctx, const at::Tensor& rows_RD, const at::Tensor& row_weights_R,
                            const at::Tensor& gate_up_use, const at::Tensor& down_use, GroupedExperts* experts,
                            const at::Tensor& group_counts) {
    (void)gate_up_use;
    (void)down_use;
    const std::int64_t width = experts->down.value.size(2);
    const at::ScalarType product = experts->down.compute.scalar_type();
    const std::vector<std::int64_t> counts = ops::counts_on_cpu(group_counts), padded_begin = ops::offsets_of(padded_rows(counts, product));
    at::Tensor gate_up_P2F = at::empty({padded_begin.back(), 2 * width}, rows_RD.options().requires_grad(false));
    at::Tensor out_RD = at::empty(rows_RD.sizes(), rows_RD.options().requires_grad(false));
    for_each_group(counts, [&](std::int64_t e, std::int64_t begin, std::int64_t count) {
      const std::int64_t padded = product_rows(count, product);
      at::Tensor gate_up_p2F = gate_up_P2F.narrow(0, padded_begin[static_cast<std::size_t>(e)], padded);
      const Workspace hidden = borrow(experts->down.gradient.workspaces(), {padded, width}, rows_RD.options());
      const at::Tensor& h_pF = *hidden;
      product_into(gate_up_p2F, product_input(rows_RD.narrow(0, begin, count), padded, product), experts->gate_up.compute.select(0, e).t());
      ops::swiglu_out(gate_up_p2F.narrow(0, 0, count), row_weights_R.narrow(0, begin, count), h_pF.narrow(0, 0, count));
      clear_rows_from(h_pF, count);
      product_into(out_RD.narrow(0, begin, count), h_pF.to(product), experts->down.compute.select(0, e).t());
    });
    ctx->save_for_backward({rows_RD, row_weights_R, gate_up_P2F, group_counts});
    ctx->saved_data["experts"] = reinterpret_cast<std::int64_t>(experts);
    return out_RD;
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* ctx, torch::autograd::variable_list grads) {
    const auto saved = ctx->get_saved_variables();
    const at::Tensor &rows_RD = saved[0], &row_weights_R = saved[1], &gate_up_P2F = saved[2];
    auto* experts = reinterpret_cast<GroupedExperts*>(ctx->saved_data["experts"].toInt());
    const std::vector<std::int64_t> counts = ops::counts_on_cpu(saved[3]);
    const at::Tensor dy_RD = grads[0].contiguous();
    const std::int64_t width = experts->down.value.size(2);
    at::Tensor drows_RD = at::empty_like(rows_RD), dweights_R = at::empty_like(row_weights_R);
    const at::ScalarType product = experts->down.compute.scalar_type();
    const std::vector<std::int64_t> padded_begin = ops::offsets_of(padded_rows(counts, product));
    const WeightGradient into_gate_up(experts->gate_up, ctx->needs_input_grad(2), counts),
        into_down(experts->down, ctx->needs_input_grad(3), counts);
    for_each_group(counts, [&](std::int64_t e, std::int64_t begin, std::int64_t count) {
      const std::int64_t padded = product_rows(count, product), gu_begin = padded_begin[static_cast<std::size_t>(e)];
      const at::Tensor dy_pD = product_input(dy_RD.narrow(0, begin, count), padded, product);
      Workspaces* const workspaces = experts->down.gradient.workspaces();
      const Workspace of_product = borrow(workspaces, {padded, width}, dy_pD.options());
      at::Tensor product_dh = *of_product;
      at::mm_out(product_dh, dy_pD, experts->down.compute.select(0, e));
      const at::Tensor dh_pF = product_dh.to(rows_RD.scalar_type());
      const Workspace d_hidden = borrow(workspaces, {padded, 2 * width}, rows_RD.options()),
                      hidden = borrow(workspaces, {padded, width}, rows_RD.options());
      const at::Tensor &d_gate_up_p2F = *d_hidden, &h_pF = *hidden;
      ops::swiglu_backward_out(dh_pF.narrow(0, 0, count), gate_up_P2F.narrow(0, gu_begin, count), row_weights_R.narrow(0, begin, count),
                               d_gate_up_p2F.narrow(0, 0, count), dweights_R.narrow(0, begin, count), h_pF.narrow(0, 0, count));
      clear_rows_from(d_gate_up_p2F, count);
      clear_rows_from(h_pF, count);
      const at::Tensor d_product_p2F = d_gate_up_p2F.to(product);
      if (into_down.wanted()) into_down.add(e, dy_pD, h_pF.to(product));
      if (into_gate_up.wanted()) into_gate_up.add(e, d_product_p2F, product_input(rows_RD.narrow(0, begin, count), padded, product));
      product_into(drows_RD.narrow(0, begin, count), d_product_p2F, experts->gate_up.compute.select(0, e));
    });
    return {drows_RD, dweights_R, at::Tensor(), at::Tensor(), at::Tensor(), at::Tensor()};
  }
};

}  // namespace

at::Tensor grouped_linear(const at::Tensor& rows, Parameter& weight, const at::Tensor& counts, const Numerics& numerics) {
  const at::Tensor input = numerics.input ? numerics.input(rows).contiguous() : rows;
  const WeightInput w = weight_input(weight, numerics.weight);
  return GroupedLinearFunction::apply(input, w.tensor, &weight, w.is_own, counts).to(rows.scalar_type());
}

GroupedExperts::GroupedExperts(const MoeConfig& config, std::int64_t hidden_size, const std::string& layer, std::int64_t first_expert,
                               std::int64_t count, const at::TensorOptions& options) {
  const std::int64_t width = config.expert_hidden_size, size = hidden_size * width;
  std::vector<Leaf> in, out;
  for (std::int64_t e = 0; e < count; ++e) {
    const std::vector<ModelTensor> expert = expert_tensors(config, hidden_size, layer, first_expert + e);
    in.push_back({name_of(expert[0].id), 2 * e * size, expert[0].shape});
    in.push_back({name_of(expert[1].id), (2 * e + 1) * size, expert[1].shape});
    out.push_back({name_of(expert[2].id), e * size, expert[2].shape});
  }
  const std::string experts = layer_prefix(layer) + ".experts";
  gate_up = Parameter::make(experts + ".gate_up", {count, 2 * width, hidden_size}, options, std::move(in));
  down = Parameter::make(experts + ".down", {count, hidden_size, width}, options, std::move(out));
  gate_up.replication = down.replication = Replication::kExpert;
  gate_up.rate_group = down.rate_group = RateGroup::kExpert;
}

void GroupedExperts::collect(std::vector<Parameter*>& parameters) {
  parameters.push_back(&gate_up);
  parameters.push_back(&down);
}

at::Tensor GroupedExperts::counts_for_products(const at::Tensor& counts) const {
  return ops::counts_for_products(counts, {gate_up.compute, down.compute});
}

at::Tensor GroupedExperts::forward(const parallel::ExpertChunk& chunk) {
  const bool on_kernels = ops::backend_of(chunk.rows.device(), false) == ops::Backend::kCpuKernels;
  if (on_kernels && gate_up_numerics.empty() && down_numerics.empty())
    return ExpertsFunction::apply(chunk.rows.contiguous(), chunk.row_weights.contiguous(), gate_up.open_use(), down.open_use(), this,
                                  chunk.counts);
  return forward_composed(chunk);
}

at::Tensor GroupedExperts::forward_composed(const parallel::ExpertChunk& chunk) {
  const at::Tensor counts = counts_for_products(chunk.counts);
  const at::Tensor gate_and_up = grouped_linear(chunk.rows.contiguous(), gate_up, counts, gate_up_numerics);
  return grouped_linear(swiglu_activation(gate_and_up, chunk.row_weights), down, counts, down_numerics);
}

}  // namespace sluice::moe
