#include "core/ops/grouped_product.hpp"

#include "core/ops/arguments.hpp"
#include "core/ops/backend.hpp"
#include "core/ops/cuda.hpp"
#include "core/ops/row_grid.hpp"
#include "core/tensor/accumulate_product.hpp"
#include "core/tensor/pointers.hpp"

#include <ATen/Parallel.h>

#include <algorithm>
#include <atomic>
#include <numeric>

namespace sluice::ops {
namespace {

// For every group: its rows of `out` = its rows of `in` times matrix_of(group), multiplied in the type `product`.
template <class MatrixOf>
void multiply_groups(const at::Tensor& in, const at::Tensor& counts, at::ScalarType product, const at::Tensor& out,
                     const MatrixOf& matrix_of) {
  const std::vector<std::int64_t> rows = counts_on_cpu(counts);
  for_each_group(rows, [&](std::int64_t e, std::int64_t begin, std::int64_t count) {
    product_into(out.narrow(0, begin, count), product_input(in.narrow(0, begin, count), product_rows(count, product), product),
                 matrix_of(e));
  });
  clear_rows_from(out, std::accumulate(rows.begin(), rows.end(), std::int64_t{0}));
}

void kernel_product(const at::Tensor& rows, const at::Tensor& weight, const at::Tensor& counts, const at::Tensor& out) {
  multiply_groups(rows, counts, weight.scalar_type(), out, [&](std::int64_t e) { return weight.select(0, e).t(); });
}

void kernel_backward(const at::Tensor& dy, const at::Tensor& weight, const at::Tensor& counts, const at::Tensor& drows) {
  multiply_groups(dy, counts, weight.scalar_type(), drows, [&](std::int64_t e) { return weight.select(0, e); });
}

void kernel_weight_gradient(const at::Tensor& dy, const at::Tensor& rows, const at::Tensor& counts, at::ScalarType type,
                            const at::Tensor& sum, double beta) {
  const std::vector<std::int64_t> groups = counts_on_cpu(counts);
  clear_empty_groups(sum, groups, beta);
  for_each_group(groups, [&](std::int64_t e, std::int64_t begin, std::int64_t count) {
    const std::int64_t padded = product_rows(count, type);
    accumulate_product(sum.select(0, e), product_input(dy.narrow(0, begin, count), padded, type),
                       product_input(rows.narrow(0, begin, count), padded, type), beta);
  });
}

// In the composed forms every group's matrix multiplies all rows, and rows of other groups are then masked: no shape depends on a count,
// which would have to be read from the device.

// bool [R, L]: true where row r does not belong to group l.
at::Tensor strangers(const at::Tensor& counts, std::int64_t rows) {
  const at::Tensor place = at::arange(rows, counts.options()).unsqueeze(1), end = counts.cumsum(0).unsqueeze(0);
  return (place >= end).bitwise_or(place < end - counts.unsqueeze(0));
}

template <class MatrixOf>
void multiply_masked(const at::Tensor& in, const at::Tensor& counts, at::ScalarType product, const at::Tensor& out,
                     const MatrixOf& matrix_of) {
  const at::Tensor mask = strangers(counts, in.size(0)), factors = in.to(product);
  at::Tensor sum = at::zeros(out.sizes(), out.options().dtype(product));
  for (std::int64_t e = 0; e < counts.size(0); ++e)
    sum.add_(at::mm(factors, matrix_of(e)).masked_fill_(mask.select(1, e).unsqueeze(1), 0.0));
  out.copy_(sum);
}

void composed_product(const at::Tensor& rows, const at::Tensor& weight, const at::Tensor& counts, const at::Tensor& out) {
  multiply_masked(rows, counts, weight.scalar_type(), out, [&](std::int64_t e) { return weight.select(0, e).t(); });
}

void composed_backward(const at::Tensor& dy, const at::Tensor& weight, const at::Tensor& counts, const at::Tensor& drows) {
  multiply_masked(dy, counts, weight.scalar_type(), drows, [&](std::int64_t e) { return weight.select(0, e); });
}

void composed_weight_gradient(const at::Tensor& dy, const at::Tensor& rows, const at::Tensor& counts, at::ScalarType type,
                              const at::Tensor& sum, double beta) {
  const at::Tensor mask = strangers(counts, rows.size(0));
  for (std::int64_t e = 0; e < counts.size(0); ++e) {
    const at::Tensor others = mask.select(1, e).unsqueeze(1);
    const auto own = [&](const at::Tensor& t) { return t.to(type).masked_fill(others, 0.0); };
    const at::Tensor gradient = at::mm(own(dy).t(), own(rows)).to(sum.scalar_type());
    if (beta == 0.0) sum.select(0, e).copy_(gradient);
    else sum.select(0, e).add_(gradient);
  }
}

}  // namespace

at::Tensor grouped_product(const at::Tensor& rows, const at::Tensor& weight, const at::Tensor& counts) {
  const Arguments arguments("grouped_product", rows);
  arguments.check_values("rows", rows, {-1, -1});
  arguments.check("counts", counts, at::kLong, {-1});
  arguments.check_values("weight", weight, {counts.size(0), -1, rows.size(1)});
  at::Tensor out = at::empty({rows.size(0), weight.size(1)}, rows.options().requires_grad(false));
  run(rows, kernel_product, composed_product, cuda_operations().grouped_product, rows, weight, counts, out);
  return out;
}

at::Tensor grouped_product_backward(const at::Tensor& dy, const at::Tensor& weight, const at::Tensor& counts) {
  const Arguments arguments("grouped_product_backward", dy);
  arguments.check_values("dy", dy, {-1, -1});
  arguments.check("counts", counts, at::kLong, {-1});
  arguments.check_values("weight", weight, {counts.size(0), dy.size(1), -1});
  at::Tensor drows = at::empty({dy.size(0), weight.size(2)}, dy.options().requires_grad(false));
  run(dy, kernel_backward, composed_backward, cuda_operations().grouped_product_backward, dy, weight, counts, drows);
  return drows;
}

void grouped_weight_gradient(const at::Tensor& dy, const at::Tensor& rows, const at::Tensor& counts, at::ScalarType type,
                             const at::Tensor& sum, double beta) {
  const Arguments arguments("grouped_weight_gradient", dy);
  arguments.check_values("dy", dy, {-1, -1});
  arguments.check_values("rows", rows, {dy.size(0), -1});
  arguments.check("counts", counts, at::kLong, {-1});
  arguments.check_values("sum", sum, {counts.size(0), dy.size(1), rows.size(1)});
  run(dy, kernel_weight_gradient, composed_weight_gradient, cuda_operations().grouped_weight_gradient, dy, rows, counts, type, sum, beta);
}

std::vector<std::int64_t> counts_on_cpu(const at::Tensor& counts) {
  const auto* first = data_of<const std::int64_t>(counts);
  return {first, first + counts.numel()};
}

void for_each_group(const std::vector<std::int64_t>& counts, const std::function<void(std::int64_t, std::int64_t, std::int64_t)>& work) {
  const std::vector<std::int64_t> begin = offsets_of(counts);
  std::vector<std::size_t> order(counts.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return counts[a] > counts[b]; });
  while (!order.empty() && counts[order.back()] == 0) order.pop_back();
  const std::int64_t threads = at::get_num_threads();
  const auto run = [&](std::size_t e) { work(static_cast<std::int64_t>(e), begin[e], counts[e]); };
  std::size_t alone = 0;
  // A product this large keeps all threads busy by itself; on one thread it would take longest and make the others wait.
  while (alone < order.size() && (threads == 1 || counts[order[alone]] * threads > begin.back())) run(order[alone++]);
  std::atomic<std::size_t> next{alone};
  if (alone == order.size()) return;
  at::parallel_for(0, threads, 1, [&](std::int64_t, std::int64_t) {
    at::NoGradGuard no_grad;
    at::AutoDispatchBelowADInplaceOrView below_autograd;
    for (std::size_t i = next++; i < order.size(); i = next++) run(order[i]);
  });
}

std::int64_t product_rows(std::int64_t rows, at::ScalarType product) { return product == at::kBFloat16 ? grid_rows(rows) : rows; }

std::vector<std::int64_t> offsets_of(const std::vector<std::int64_t>& counts) {
  std::vector<std::int64_t> offsets(counts.size() + 1, 0);
  std::partial_sum(counts.begin(), counts.end(), offsets.begin() + 1);
  return offsets;
}

at::Tensor product_input(const at::Tensor& rows, std::int64_t padded, at::ScalarType product) {
  if (padded == rows.size(0)) return rows.to(product);
  at::Tensor input = at::empty({padded, rows.size(1)}, rows.options().dtype(product).requires_grad(false));
  input.narrow(0, 0, rows.size(0)).copy_(rows);
  clear_rows_from(input, rows.size(0));
  return input;
}

void product_into(at::Tensor out, const at::Tensor& a, const at::Tensor& b) {
  if (out.size(0) == a.size(0) && out.scalar_type() == a.scalar_type()) at::mm_out(out, a, b);
  else out.copy_(at::mm(a, b).narrow(0, 0, out.size(0)));
}

void clear_rows_from(const at::Tensor& matrix, std::int64_t first) {
  if (first < matrix.size(0)) matrix.narrow(0, first, matrix.size(0) - first).zero_();
}

void clear_empty_groups(const at::Tensor& sum, const std::vector<std::int64_t>& counts, double beta) {
  if (beta != 0.0) return;
  for (std::size_t e = 0; e < counts.size(); ++e)
    if (counts[e] == 0) sum.select(0, static_cast<std::int64_t>(e)).zero_();
}

}  // namespace sluice::ops
