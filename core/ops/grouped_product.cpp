// Legend, beside the header's: I and O, the widths of what goes in and of what comes out.
#include "core/ops/grouped_product.hpp"

#include "core/ops/arguments.hpp"
#include "core/ops/backend.hpp"
#include "core/ops/cuda.hpp"
#include "core/ops/row_grid.hpp"
#include "core/tensor/accumulate_product.hpp"
#include "core/tensor/host_integers.hpp"
#include "core/tensor/pointers.hpp"

#include <ATen/Parallel.h>

#include <algorithm>
#include <atomic>
#include <numeric>

namespace sluice::ops {
namespace {

// For every group: its rows of `out` = its rows of `in` times matrix_of(group), multiplied in the type `product`.
template <class MatrixOf>
void multiply_groups(const at::Tensor& in_RI, const at::Tensor& counts_L, at::ScalarType product, const at::Tensor& out_RO,
                     const MatrixOf& matrix_of) {
  const std::vector<std::int64_t> rows = counts_on_cpu(counts_L);
  for_each_group(rows, [&](std::int64_t e, std::int64_t begin, std::int64_t count) {
    product_into(out_RO.narrow(0, begin, count), product_input(in_RI.narrow(0, begin, count), product_rows(count, product), product),
                 matrix_of(e));
  });
  clear_rows_from(out_RO, std::accumulate(rows.begin(), rows.end(), std::int64_t{0}));
}

void kernel_product(const at::Tensor& rows_RI, const at::Tensor& weight_LOI, const at::Tensor& counts_L, const at::Tensor& out_RO) {
  multiply_groups(rows_RI, counts_L, weight_LOI.scalar_type(), out_RO, [&](std::int64_t e) { return weight_LOI.select(0, e).t(); });
}

void kernel_backward(const at::Tensor& dy_RO, const at::Tensor& weight_LOI, const at::Tensor& counts_L, const at::Tensor& drows_RI) {
  multiply_groups(dy_RO, counts_L, weight_LOI.scalar_type(), drows_RI, [&](std::int64_t e) { return weight_LOI.select(0, e); });
}

void kernel_weight_gradient(const at::Tensor& dy_RO, const at::Tensor& rows_RI, const at::Tensor& counts_L, at::ScalarType type,
                            const at::Tensor& sum_LOI, double beta) {
  const std::vector<std::int64_t> groups = counts_on_cpu(counts_L);
  clear_empty_groups(sum_LOI, groups, beta);
  for_each_group(groups, [&](std::int64_t e, std::int64_t begin, std::int64_t count) {
    const std::int64_t padded = product_rows(count, type);
    accumulate_product(sum_LOI.select(0, e), product_input(dy_RO.narrow(0, begin, count), padded, type),
                       product_input(rows_RI.narrow(0, begin, count), padded, type), beta);
  });
}

// In the composed forms every group's matrix multiplies all rows, and rows of other groups are then masked: no shape depends on a count,
// which would have to be read from the device.

// bool [R, L]: true where row r does not belong to group l.
at::Tensor strangers(const at::Tensor& counts_L, std::int64_t rows) {
  const at::Tensor place_R1 = at::arange(rows, counts_L.options()).unsqueeze(1), end_1L = counts_L.cumsum(0).unsqueeze(0);
  return (place_R1 >= end_1L).bitwise_or(place_R1 < end_1L - counts_L.unsqueeze(0));
}

template <class MatrixOf>
void multiply_masked(const at::Tensor& in_RI, const at::Tensor& counts_L, at::ScalarType product, const at::Tensor& out_RO,
                     const MatrixOf& matrix_of) {
  const at::Tensor mask_RL = strangers(counts_L.to(in_RI.device()), in_RI.size(0)), factors_RI = in_RI.to(product);
  at::Tensor sum_RO = at::zeros(out_RO.sizes(), out_RO.options().dtype(product));
  for (std::int64_t e = 0; e < counts_L.size(0); ++e)
    sum_RO.add_(at::mm(factors_RI, matrix_of(e)).masked_fill_(mask_RL.select(1, e).unsqueeze(1), 0.0));
  out_RO.copy_(sum_RO);
}

void composed_product(const at::Tensor& rows_RI, const at::Tensor& weight_LOI, const at::Tensor& counts_L, const at::Tensor& out_RO) {
  multiply_masked(rows_RI, counts_L, weight_LOI.scalar_type(), out_RO, [&](std::int64_t e) { return weight_LOI.select(0, e).t(); });
}

void composed_backward(const at::Tensor& dy_RO, const at::Tensor& weight_LOI, const at::Tensor& counts_L, const at::Tensor& drows_RI) {
  multiply_masked(dy_RO, counts_L, weight_LOI.scalar_type(), drows_RI, [&](std::int64_t e) { return weight_LOI.select(0, e); });
}

void composed_weight_gradient(const at::Tensor& dy_RO, const at::Tensor& rows_RI, const at::Tensor& counts_L, at::ScalarType type,
                              const at::Tensor& sum_LOI, double beta) {
  const at::Tensor mask_RL = strangers(counts_L.to(rows_RI.device()), rows_RI.size(0));
  for (std::int64_t e = 0; e < counts_L.size(0); ++e) {
    const at::Tensor others_R1 = mask_RL.select(1, e).unsqueeze(1);
    const auto own = [&](const at::Tensor& t) { return t.to(type).masked_fill(others_R1, 0.0); };
    const at::Tensor gradient_OI = at::mm(own(dy_RO).t(), own(rows_RI)).to(sum_LOI.scalar_type());
    if (beta == 0.0) sum_LOI.select(0, e).copy_(gradient_OI);
    else sum_LOI.select(0, e).add_(gradient_OI);
  }
}

void check_counts(const Arguments& arguments, const at::Tensor& counts_L) {
  if (counts_L.defined() && counts_L.is_cpu()) Arguments("grouped_product", counts_L).check("counts", counts_L, at::kLong, {-1});
  else arguments.check("counts", counts_L, at::kLong, {-1});
}

}  // namespace

at::Tensor grouped_product(const at::Tensor& rows_RI, const at::Tensor& weight_LOI, const at::Tensor& counts_L) {
  const Arguments arguments("grouped_product", rows_RI);
  arguments.check_values("rows", rows_RI, {-1, -1});
  check_counts(arguments, counts_L);
  arguments.check_values("weight", weight_LOI, {counts_L.size(0), -1, rows_RI.size(1)});
  at::Tensor out_RO = at::empty({rows_RI.size(0), weight_LOI.size(1)}, rows_RI.options().requires_grad(false));
  run(rows_RI, kernel_product, composed_product, cuda_operations().grouped_product, rows_RI, weight_LOI, counts_L, out_RO);
  return out_RO;
}

at::Tensor grouped_product_backward(const at::Tensor& dy_RO, const at::Tensor& weight_LOI, const at::Tensor& counts_L) {
  const Arguments arguments("grouped_product_backward", dy_RO);
  arguments.check_values("dy", dy_RO, {-1, -1});
  check_counts(arguments, counts_L);
  arguments.check_values("weight", weight_LOI, {counts_L.size(0), dy_RO.size(1), -1});
  at::Tensor drows_RI = at::empty({dy_RO.size(0), weight_LOI.size(2)}, dy_RO.options().requires_grad(false));
  run(dy_RO, kernel_backward, composed_backward, cuda_operations().grouped_product_backward, dy_RO, weight_LOI, counts_L, drows_RI);
  return drows_RI;
}

void grouped_weight_gradient(const at::Tensor& dy_RO, const at::Tensor& rows_RI, const at::Tensor& counts_L, at::ScalarType type,
                             const at::Tensor& sum_LOI, double beta) {
  const Arguments arguments("grouped_weight_gradient", dy_RO);
  arguments.check_values("dy", dy_RO, {-1, -1});
  arguments.check_values("rows", rows_RI, {dy_RO.size(0), -1});
  check_counts(arguments, counts_L);
  arguments.check_values("sum", sum_LOI, {counts_L.size(0), dy_RO.size(1), rows_RI.size(1)});
  run(dy_RO, kernel_weight_gradient, composed_weight_gradient, cuda_operations().grouped_weight_gradient, dy_RO, rows_RI, counts_L, type,
      sum_LOI, beta);
}

at::Tensor counts_for_products(const at::Tensor& counts_L, const std::vector<at::Tensor>& weights) {
  const CudaOperations& cuda = cuda_operations();
  const bool has_form = cuda.multiplies_groups != nullptr;
  const bool loops = std::any_of(weights.begin(), weights.end(), [&](const at::Tensor& weight) {
    switch (backend_of(weight.device(), has_form)) {
      case Backend::kCpuKernels: return true;
      case Backend::kComposed: return false;
      case Backend::kCuda: return !cuda.multiplies_groups(weight);
    }
    return false;
  });
  if (loops) return counts_L.is_cpu() ? counts_L : at::tensor(integers_of(counts_L), at::kLong);
  const at::Device device = weights.front().device();
  return counts_L.device() == device ? counts_L : integers_on(device, counts_on_cpu(counts_L));
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
