// Legend: R rows, L groups, I and O the widths of what goes in and of what comes out.
#include "core/ops/grouped_product.hpp"

#include "core/kernels/cuda/rows.hpp"
#include "core/ops/cuda.hpp"
#include "core/ops/cuda/device.hpp"
#include "core/ops/cuda/forms.hpp"
#include "core/tensor/pointers.hpp"
#include "core/tensor/accumulate_product.hpp"
#include "core/tensor/host_integers.hpp"

#include <numeric>

namespace sluice::ops {
namespace {

bool multiplies_groups(const at::Tensor& weight_LOI) {
  return weight_LOI.scalar_type() == at::kBFloat16 && fits_grouped_kernel(weight_LOI.size(0), weight_LOI.size(2), weight_LOI.size(1)) &&
         has_grouped_products();
}

std::vector<std::int64_t> counts_on_host(const at::Tensor& counts_L) {
  return counts_L.is_cpu() ? counts_on_cpu(counts_L) : integers_of(counts_L);
}

// The number of rows up to the end of each group.
at::Tensor ends_of(const at::Tensor& counts_L) { return counts_L.cumsum(0).to(at::kInt); }

// at::_grouped_mm leaves rows of no group unwritten.
void clear_strangers(const at::Tensor& out_RO, const at::Tensor& ends_L) {
  SLUICE_DISPATCH(out_RO.scalar_type(), [&] {
    kernels::cuda::clear_rows_from(device_data<T>(out_RO), device_data<const std::int32_t>(ends_L) + ends_L.size(0) - 1, out_RO.size(0),
                                   out_RO.size(1), current_stream());
  });
}

// matrices [L, in, out] are those that the rows of each group are multiplied with.
void multiply(const at::Tensor& in_RI, const at::Tensor& matrices, const at::Tensor& counts_L, bool natively, const at::Tensor& out_RO) {
  if (natively && in_RI.size(0) > 0) {
    const at::Tensor ends_L = ends_of(counts_L);
    out_RO.copy_(at::_grouped_mm(in_RI.to(matrices.scalar_type()), matrices, ends_L));
    clear_strangers(out_RO, ends_L);
    return;
  }
  const std::vector<std::int64_t> counts = counts_on_host(counts_L);
  std::int64_t begin = 0;
  for (std::size_t e = 0; e < counts.size(); begin += counts[e++]) {
    if (counts[e] == 0) continue;
    product_into(out_RO.narrow(0, begin, counts[e]), product_input(in_RI.narrow(0, begin, counts[e]), counts[e], matrices.scalar_type()),
                 matrices.select(0, static_cast<std::int64_t>(e)));
  }
  clear_rows_from(out_RO, begin);
}

// Counts on the CPU are there for a loop.
bool runs_natively(const at::Tensor& weight_LOI, const at::Tensor& counts_L, const at::Tensor& rows) {
  return multiplies_groups(weight_LOI) && counts_L.device() == rows.device();
}

void product(const at::Tensor& rows_RI, const at::Tensor& weight_LOI, const at::Tensor& counts_L, const at::Tensor& out_RO) {
  multiply(rows_RI, weight_LOI.transpose(1, 2), counts_L, runs_natively(weight_LOI, counts_L, rows_RI), out_RO);
}

void product_backward(const at::Tensor& dy_RO, const at::Tensor& weight_LOI, const at::Tensor& counts_L, const at::Tensor& drows_RI) {
  multiply(dy_RO, weight_LOI, counts_L, runs_natively(weight_LOI, counts_L, dy_RO), drows_RI);
}

// Natively, the product is rounded to bfloat16 once and then added in the type of the sum.
void weight_gradient(const at::Tensor& dy_RO, const at::Tensor& rows_RI, const at::Tensor& counts_L, at::ScalarType type,
                     const at::Tensor& sum_LOI, double beta) {
  if (rows_RI.size(0) > 0 && type == at::kBFloat16 && runs_natively(sum_LOI.to(at::kMeta, type), counts_L, rows_RI)) {
    const at::Tensor gradient_LOI = at::_grouped_mm(dy_RO.to(type).t(), rows_RI.to(type), ends_of(counts_L));
    // On Blackwell the product leaves values in groups without rows (pytorch #172439).
    if (!zeroes_empty_groups()) gradient_LOI.masked_fill_(counts_L.eq(0).view({-1, 1, 1}), 0.0);
    if (beta == 0.0) sum_LOI.copy_(gradient_LOI);
    else sum_LOI.add_(gradient_LOI);
    return;
  }
  const std::vector<std::int64_t> counts = counts_on_host(counts_L);
  clear_empty_groups(sum_LOI, counts, beta);
  std::int64_t begin = 0;
  for (std::size_t e = 0; e < counts.size(); begin += counts[e++]) {
    if (counts[e] == 0) continue;
    const auto factor = [&](const at::Tensor& t) { return product_input(t.narrow(0, begin, counts[e]), counts[e], type); };
    accumulate_product(sum_LOI.select(0, static_cast<std::int64_t>(e)), factor(dy_RO), factor(rows_RI), beta);
  }
}

}  // namespace

void add_grouped_product_forms(CudaOperations& table) {
  table.grouped_product = product;
  table.grouped_product_backward = product_backward;
  table.grouped_weight_gradient = weight_gradient;
  table.multiplies_groups = multiplies_groups;
}

}  // namespace sluice::ops
