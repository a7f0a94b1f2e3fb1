// Grouped matrix products: rows stand group after group, and each group is multiplied with its own matrix. A group is the rows of one of
// the experts that a rank owns.
// Legend: R rows, L groups. counts [L], int64, is the number of rows of each group. Rows after those of the last group belong to no group.
// counts may be on the CPU or on the device of the rows; counts_for_products() says where a product reads them without waiting.
// Native bfloat16 products are computed with padded groups (row_grid.hpp): zero rows are appended to a group, and their results are
// dropped. A result may differ from that of the group without padding only because the library's kernel for another number of rows
// rounds in another order. Products in float32 and float64 are not padded.
#pragma once

#include "core/tensor/tensor.hpp"

#include <cstdint>
#include <functional>
#include <vector>

namespace sluice::ops {

/// Returns y [R, out] in the type of the rows: each row of rows [R, in] times the transposed matrix of its group in weight [L, out, in],
/// multiplied in the type of the weight. Rows of no group give zeros.
at::Tensor grouped_product(const at::Tensor& rows, const at::Tensor& weight, const at::Tensor& counts);
/// Returns the gradient of the rows, [R, in] in the type of dy, from dy [R, out], the gradient of y.
at::Tensor grouped_product_backward(const at::Tensor& dy, const at::Tensor& weight, const at::Tensor& counts);
/// Computes the gradient of the weight: sum[e] = beta * sum[e] + (dy of group e)^T (rows of group e), multiplied in `type`, for dy [R,
/// out], rows [R, in] and sum [L, out, in]. beta is 0 or 1.
void grouped_weight_gradient(const at::Tensor& dy, const at::Tensor& rows, const at::Tensor& counts, at::ScalarType type,
                             const at::Tensor& sum, double beta);

/// Returns the counts where products with these weights read them without a wait: on the CPU for products that are a loop over groups,
/// which is a wait of the host if they are elsewhere now; else on the device of the weights.
at::Tensor counts_for_products(const at::Tensor& counts, const std::vector<at::Tensor>& weights);

// Building blocks for functions on the CPU that do several things with a group at once.

/// The values of counts [L], an int64 tensor on the CPU.
std::vector<std::int64_t> counts_on_cpu(const at::Tensor& counts);
/// Calls work(group, begin, rows) for every group that has rows, where `begin` is the first of its `rows` rows. Groups that have more than
/// a fair share of the rows (all rows divided by the threads) run first, one after the other, and may use all threads; the others then run
/// at the same time, one on each thread, the largest first. The result must not depend on which thread runs which group.
void for_each_group(const std::vector<std::int64_t>& counts,
                    const std::function<void(std::int64_t group, std::int64_t begin, std::int64_t rows)>& work);
/// The number of rows, padding included, with which a group of `rows` rows is multiplied in the type `product`: grid_rows(rows) for
/// bfloat16, else `rows`.
std::int64_t product_rows(std::int64_t rows, at::ScalarType product);
/// Returns L + 1 numbers: the first row of each group, and then the number of rows of all groups.
std::vector<std::int64_t> offsets_of(const std::vector<std::int64_t>& counts);
/// The rows [count, C] of a group as [padded, C] in the type `product`, with zeros in the rows added. Returns `rows` itself if nothing has
/// to be changed.
at::Tensor product_input(const at::Tensor& rows, std::int64_t padded, at::ScalarType product);
/// Writes the first `count` rows of the product a b to out [count, C], converted to its type. There is no temporary copy if shape and type
/// of out are those of the product.
void product_into(at::Tensor out, const at::Tensor& a, const at::Tensor& b);
/// Writes zeros to the rows of `matrix` from row `first` to the last.
void clear_rows_from(const at::Tensor& matrix, std::int64_t first);
/// For gradients of weights: if beta is 0, writes zeros to sum[e] for every group e without rows, which nothing else writes.
void clear_empty_groups(const at::Tensor& sum, const std::vector<std::int64_t>& counts, double beta);

}  // namespace sluice::ops
