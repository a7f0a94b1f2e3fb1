#include "moe/grouped_experts.hpp"

#include "core/nn/linear.hpp"
#include "core/nn/swiglu.hpp"
#include "core/ops/swiglu.hpp"
#include "core/tensor/dtype_map.hpp"
#include "moe/row_grid.hpp"

#include <ATen/Parallel.h>
#include <fmt/core.h>

#include <algorithm>
#include <atomic>
#include <numeric>

namespace sluice::moe {
namespace {

// Rows that the products of a group with `rows` rows are made with: on the grid where they are native bfloat16 ones.
std::int64_t product_rows(std::int64_t rows, at::ScalarType product) {
  return product == at::kBFloat16 ? grid_rows(rows) : rows;
}

std::vector<std::int64_t> product_rows(std::vector<std::int64_t> counts, at::ScalarType product) {
  for (std::int64_t& count : counts) count = product_rows(count, product);
  return counts;
}

void clear_rows_from(at::Tensor matrix, std::int64_t first) {
  if (first < matrix.size(0)) matrix.narrow(0, first, matrix.size(0) - first).zero_();
}

// A group's rows [count, C] as [padded, C] of the type of products, zeros below; themselves where they are that.
at::Tensor product_input(const at::Tensor& rows, std::int64_t padded, at::ScalarType product) {
  if (padded == rows.size(0)) return rows.to(product);
  at::Tensor input = at::empty({padded, rows.size(1)}, rows.options().dtype(product).requires_grad(false));
  input.narrow(0, 0, rows.size(0)).copy_(rows);
  clear_rows_from(input, rows.size(0));
  return input;
}

// out [count, C] = the first rows of a b; written in place where shape and type are those of the product.
void product_into(at::Tensor out, const at::Tensor& a, const at::Tensor& b) {
  if (out.size(0) == a.size(0) && out.scalar_type() == a.scalar_type()) at::mm_out(out, a, b);
  else out.copy_(at::mm(a, b).narrow(0, 0, out.size(0)));
}

std::vector<std::int64_t> offsets_of(const std::vector<std::int64_t>& counts) {
  std::vector<std::int64_t> offsets(counts.size() + 1, 0);
  std::partial_sum(counts.begin(), counts.end(), offsets.begin() + 1);
  return offsets;
}

// As LinearFunction (core/nn/linear.cpp): the weight is what products see of `source`, or a transformed one.
struct GroupedLinearFunction : torch::autograd::Function<GroupedLinearFunction> {
  static at::Tensor forward(torch::autograd::AutogradContext* ctx, const at::Tensor& rows, const at::Tensor& weight, Parameter* source,
                            const std::vector<std::int64_t>& counts) {
    const at::Tensor& w = source != nullptr ? source->compute : weight;
    at::Tensor out = at::empty({rows.size(0), w.size(1)}, rows.options().requires_grad(false));
    const at::ScalarType product = w.scalar_type();
    for_each_group(counts, [&](std::int64_t e, std::int64_t begin, std::int64_t count) {
      const at::Tensor x = product_input(rows.narrow(0, begin, count), product_rows(count, product), product);
      product_into(out.narrow(0, begin, count), x, w.select(0, e).t());
    });
    ctx->save_for_backward({rows, source != nullptr ? at::Tensor() : weight});
    ctx->saved_data["source"] = reinterpret_cast<std::int64_t>(source);
    ctx->saved_data["counts"] = counts;
    return out;
  }
  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* ctx, torch::autograd::variable_list grads) {
    const auto saved = ctx->get_saved_variables();
    const at::Tensor& rows = saved[0];
    auto* source = reinterpret_cast<Parameter*>(ctx->saved_data["source"].toInt());
    const at::Tensor& w = source != nullptr ? source->compute : saved[1];
    const std::vector<std::int64_t> counts = ctx->saved_data["counts"].toIntVector();
    const at::Tensor dy = grads[0].contiguous();
    at::Tensor drows = at::empty_like(rows), dw;
    const at::ScalarType product = w.scalar_type();
    std::optional<GradientWriter> writer;
    if (ctx->needs_input_grad(1)) {
      if (source != nullptr) writer.emplace(source->gradient).begin_slices(counts);
      else dw = at::zeros_like(w);
    }
    for_each_group(counts, [&](std::int64_t e, std::int64_t begin, std::int64_t count) {
      const std::int64_t padded = product_rows(count, product);
      const at::Tensor dy_e = product_input(dy.narrow(0, begin, count), padded, product);
      const at::Tensor x = product_input(rows.narrow(0, begin, count), padded, product);
      if (writer) writer->add_to_slice(e, dy_e, x);
      if (dw.defined()) accumulate_product(dw.select(0, e), dy_e, x, 0.0);
      product_into(drows.narrow(0, begin, count), dy_e, w.select(0, e));
    });
    return {drows, dw, at::Tensor(), at::Tensor()};
  }
};

// Stores rows, gate_up (with the rows that products are made with) and the row weights; the hidden activations are made again in
// backward.
struct ExpertsFunction : torch::autograd::Function<ExpertsFunction> {
  static at::Tensor forward(torch::autograd::AutogradContext* ctx, const at::Tensor& rows, const at::Tensor& row_weights, const at::Tensor& gate_up_use,
                            const at::Tensor& down_use, GroupedExperts* experts, const std::vector<std::int64_t>& counts) {
    (void)gate_up_use;
    (void)down_use;
    const std::int64_t width = experts->down.value.size(2);
    const at::ScalarType product = product_type(rows.scalar_type(), rows.device());
    const std::vector<std::int64_t> padded_begin = offsets_of(product_rows(counts, product));
    at::Tensor gate_up = at::empty({padded_begin.back(), 2 * width}, rows.options().requires_grad(false));
    at::Tensor out = at::empty(rows.sizes(), rows.options().requires_grad(false));
    for_each_group(counts, [&](std::int64_t e, std::int64_t begin, std::int64_t count) {
      const std::int64_t padded = product_rows(count, product);
      at::Tensor gu = gate_up.narrow(0, padded_begin[static_cast<std::size_t>(e)], padded);
      at::Tensor h = at::empty({padded, width}, rows.options().requires_grad(false));
      product_into(gu, product_input(rows.narrow(0, begin, count), padded, product), experts->gate_up.compute.select(0, e).t());
      ops::swiglu_out(gu.narrow(0, 0, count), row_weights.narrow(0, begin, count), h.narrow(0, 0, count));
      clear_rows_from(h, count);
      product_into(out.narrow(0, begin, count), h.to(product), experts->down.compute.select(0, e).t());
    });
    ctx->save_for_backward({rows, row_weights, gate_up});
    ctx->saved_data["experts"] = reinterpret_cast<std::int64_t>(experts);
    ctx->saved_data["counts"] = counts;
    return out;
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* ctx, torch::autograd::variable_list grads) {
    const auto saved = ctx->get_saved_variables();
    const at::Tensor &rows = saved[0], &row_weights = saved[1], &gate_up = saved[2];
    auto* experts = reinterpret_cast<GroupedExperts*>(ctx->saved_data["experts"].toInt());
    const std::vector<std::int64_t> counts = ctx->saved_data["counts"].toIntVector();
    const at::Tensor dy = grads[0].contiguous();
    const std::int64_t width = experts->down.value.size(2);
    at::Tensor drows = at::empty_like(rows), dweights = at::empty_like(row_weights);
    const at::ScalarType product = product_type(rows.scalar_type(), rows.device());
    const std::vector<std::int64_t> padded_begin = offsets_of(product_rows(counts, product));
    std::optional<GradientWriter> into_gate_up, into_down;
    if (ctx->needs_input_grad(2)) into_gate_up.emplace(experts->gate_up.gradient).begin_slices(counts);
    if (ctx->needs_input_grad(3)) into_down.emplace(experts->down.gradient).begin_slices(counts);
    for_each_group(counts, [&](std::int64_t e, std::int64_t begin, std::int64_t count) {
      const auto options = rows.options().requires_grad(false);
      const std::int64_t padded = product_rows(count, product), gu_begin = padded_begin[static_cast<std::size_t>(e)];
      const at::Tensor dy_e = product_input(dy.narrow(0, begin, count), padded, product);
      const at::Tensor dh = at::mm(dy_e, experts->down.compute.select(0, e)).to(rows.scalar_type());
      at::Tensor d_gate_up = at::empty({padded, 2 * width}, options), h = at::empty({padded, width}, options);
      ops::swiglu_backward_out(dh.narrow(0, 0, count), gate_up.narrow(0, gu_begin, count), row_weights.narrow(0, begin, count),
                               d_gate_up.narrow(0, 0, count), dweights.narrow(0, begin, count), h.narrow(0, 0, count));
      clear_rows_from(d_gate_up, count);
      clear_rows_from(h, count);
      const at::Tensor d_gate_up_p = d_gate_up.to(product);
      if (into_down) into_down->add_to_slice(e, dy_e, h.to(product));
      if (into_gate_up) into_gate_up->add_to_slice(e, d_gate_up_p, product_input(rows.narrow(0, begin, count), padded, product));
      product_into(drows.narrow(0, begin, count), d_gate_up_p, experts->gate_up.compute.select(0, e));
    });
    return {drows, dweights, at::Tensor(), at::Tensor(), at::Tensor(), at::Tensor()};
  }
};

}  // namespace

void for_each_group(const std::vector<std::int64_t>& counts, const std::function<void(std::int64_t, std::int64_t, std::int64_t)>& work) {
  const std::vector<std::int64_t> begin = offsets_of(counts);
  std::vector<std::size_t> order(counts.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return counts[a] > counts[b]; });
  while (!order.empty() && counts[order.back()] == 0) order.pop_back();
  const std::int64_t threads = at::get_num_threads();
  const auto run = [&](std::size_t e) { work(static_cast<std::int64_t>(e), begin[e], counts[e]); };
  std::size_t alone = 0;
  // A product this large keeps all threads busy by itself, and would make the others wait if one thread had it.
  while (alone < order.size() && (threads == 1 || counts[order[alone]] * threads > begin.back())) run(order[alone++]);
  std::atomic<std::size_t> next{alone};
  if (alone == order.size()) return;
  at::parallel_for(0, threads, 1, [&](std::int64_t, std::int64_t) {
    at::NoGradGuard no_grad;
    at::AutoDispatchBelowADInplaceOrView below_autograd;
    for (std::size_t i = next++; i < order.size(); i = next++) run(order[i]);
  });
}

at::Tensor grouped_linear(const at::Tensor& rows, Parameter& weight, const std::vector<std::int64_t>& counts, const Numerics& numerics) {
  if (numerics.empty()) return GroupedLinearFunction::apply(rows, weight.open_use(), &weight, counts);
  const at::Tensor input = numerics.input ? numerics.input(rows).contiguous() : rows;
  return GroupedLinearFunction::apply(input, transformed_weight(weight, numerics.weight).contiguous(), nullptr, counts).to(rows.scalar_type());
}

GroupedExperts::GroupedExperts(const std::string& prefix, std::int64_t first_expert, std::int64_t count, std::int64_t hidden_size,
                               std::int64_t expert_hidden_size, const at::TensorOptions& options) {
  std::vector<Leaf> in, out;
  const std::int64_t size = hidden_size * expert_hidden_size;
  for (std::int64_t e = 0; e < count; ++e) {
    const std::string expert = fmt::format("{}.experts.{}", prefix, first_expert + e);
    in.push_back({expert + ".gate_proj.weight", 2 * e * size, {expert_hidden_size, hidden_size}});
    in.push_back({expert + ".up_proj.weight", (2 * e + 1) * size, {expert_hidden_size, hidden_size}});
    out.push_back({expert + ".down_proj.weight", e * size, {hidden_size, expert_hidden_size}});
  }
  gate_up = Parameter::make(prefix + ".experts.gate_up", {count, 2 * expert_hidden_size, hidden_size}, options, std::move(in));
  down = Parameter::make(prefix + ".experts.down", {count, hidden_size, expert_hidden_size}, options, std::move(out));
  gate_up.replication = down.replication = Replication::kExpert;
  gate_up.rate_group = down.rate_group = RateGroup::kExpert;
}

void GroupedExperts::collect(std::vector<Parameter*>& parameters) {
  parameters.push_back(&gate_up);
  parameters.push_back(&down);
}

at::Tensor GroupedExperts::forward(const parallel::ExpertChunk& chunk) {
  if (gate_up_numerics.empty() && down_numerics.empty())
    return ExpertsFunction::apply(chunk.rows.contiguous(), chunk.row_weights.contiguous(), gate_up.open_use(), down.open_use(), this, chunk.counts);
  return forward_composed(chunk);
}

at::Tensor GroupedExperts::forward_composed(const parallel::ExpertChunk& chunk) {
  const at::Tensor gate_and_up = grouped_linear(chunk.rows.contiguous(), gate_up, chunk.counts, gate_up_numerics);
  return grouped_linear(swiglu_activation(gate_and_up, chunk.row_weights), down, chunk.counts, down_numerics);
}

}  // namespace sluice::moe
