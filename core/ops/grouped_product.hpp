// Products of rows that lie group after group, each group with a matrix of its own: those of the experts that a rank owns.
// Native bfloat16 products are made with row counts of a grid (row_grid.hpp): a group gets zero rows below its own, whose results are
// dropped and whose part of a weight's gradient is zero. A value differs from that of the bare rows by no more than what the library's
// kernel for another number of rows rounds otherwise. Products in float32 and float64 are made with the rows as they are.
// Legend: R rows, L groups. counts [L], int64 on the rows' device: rows of each group; rows behind the last group's are of none.
#pragma once

#include "core/tensor/tensor.hpp"

#include <cstdint>
#include <functional>
#include <vector>

namespace sluice::ops {

/// Rows [R, in] times their group's weight [L, out, in], in the weight's type -> [R, out] in the rows' type; zeros for rows of no group.
at::Tensor grouped_product(const at::Tensor& rows, const at::Tensor& weight, const at::Tensor& counts);
/// The gradient of the rows, from dy [R, out]: [R, in].
at::Tensor grouped_product_backward(const at::Tensor& dy, const at::Tensor& weight, const at::Tensor& counts);
/// The gradient of the weight: sum[e] = beta * sum[e] + (dy of e)^T (rows of e) in products of `type`, for a sum [L, out, in]; beta 0 or 1.
void grouped_weight_gradient(const at::Tensor& dy, const at::Tensor& rows, const at::Tensor& counts, at::ScalarType type, const at::Tensor& sum, double beta);

// For functions on the CPU that do several things to a group at once.

/// The counts of tensors on the CPU, read where they lie.
std::vector<std::int64_t> counts_on_cpu(const at::Tensor& counts);
/// Runs work(group, begin, rows) for every group with rows, the largest first, on the threads of this rank; a group larger than a
/// thread's fair share runs alone with all threads. The result does not depend on who ran what.
void for_each_group(const std::vector<std::int64_t>& counts, const std::function<void(std::int64_t group, std::int64_t begin, std::int64_t rows)>& work);
/// Rows that the products of a group with `rows` rows are made with: on the grid where they are native bfloat16 ones.
std::int64_t product_rows(std::int64_t rows, at::ScalarType product);
/// Where each group's rows begin; the last is the number of all.
std::vector<std::int64_t> offsets_of(const std::vector<std::int64_t>& counts);
/// A group's rows [count, C] as [padded, C] of the type of products, zeros below; themselves where they are that.
at::Tensor product_input(const at::Tensor& rows, std::int64_t padded, at::ScalarType product);
/// out [count, C] = the first rows of a b; written in place where shape and type are those of the product.
void product_into(at::Tensor out, const at::Tensor& a, const at::Tensor& b);
/// Zeros in the rows of a matrix from `first` on.
void clear_rows_from(const at::Tensor& matrix, std::int64_t first);
/// For gradients of weights: a group without rows counts as zero where nothing was written before (beta 0).
void clear_empty_groups(const at::Tensor& sum, const std::vector<std::int64_t>& counts, double beta);

}  // namespace sluice::ops
