// The CUDA forms of operations (backend.hpp). A build for CUDA replaces no_cuda.cpp by a source file of its own, which fills in the
// functions below; no other file knows which of the two was built.
//
// A form gets arguments that the operation has checked (arguments.hpp) and result tensors that it has allocated, and does what the header
// of the operation with the same name says. It starts its work on the current stream and does not wait for it.
#pragma once

#include "core/ops/adamw.hpp"
#include "core/tensor/tensor.hpp"

namespace sluice::ops {

/// Whether at::_grouped_mm has a kernel of its own for groups of bfloat16 rows on devices of this major compute capability: Hopper's and
/// Blackwell's. Elsewhere it waits for the counts and loops.
constexpr bool has_grouped_kernel(int major) { return major == 9 || major == 10; }

/// Whether that kernel takes so many groups, and weights of these widths: rows must be of whole 16 bytes.
constexpr bool fits_grouped_kernel(std::int64_t groups, std::int64_t in, std::int64_t out) {
  return groups < 1024 && in % 8 == 0 && out % 8 == 0;
}

/// One function for each operation. A null pointer means that there is no CUDA form and the operation runs composed.
struct CudaOperations {
  void (*rms_norm)(const at::Tensor& x, const at::Tensor& weight, double eps, const at::Tensor& y, const at::Tensor& inverse_rms) = nullptr;
  void (*add_rms_norm)(const at::Tensor& x, const at::Tensor& residual, const at::Tensor& weight, double eps, const at::Tensor& sum,
                       const at::Tensor& y, const at::Tensor& inverse_rms) = nullptr;
  void (*rms_norm_backward)(const at::Tensor& dy, const at::Tensor& x, const at::Tensor& weight, const at::Tensor& inverse_rms,
                            const at::Tensor& dx, const at::Tensor& dweight) = nullptr;

  void (*rope_tables)(double theta, const at::Tensor& cos, const at::Tensor& sin) = nullptr;
  void (*rope_rotate)(const at::Tensor& x, const at::Tensor& cos, const at::Tensor& sin, const at::Tensor& positions,
                      bool inverse) = nullptr;

  void (*swiglu)(const at::Tensor& gate_up, const at::Tensor& row_weights, const at::Tensor& h) = nullptr;
  void (*swiglu_backward)(const at::Tensor& dh, const at::Tensor& gate_up, const at::Tensor& row_weights, const at::Tensor& d_gate_up,
                          const at::Tensor& d_row_weights, const at::Tensor& h) = nullptr;

  void (*cross_entropy)(const at::Tensor& logits, const at::Tensor& targets, const at::Tensor& nll, const at::Tensor& scales) = nullptr;
  void (*embedding)(const at::Tensor& table, const at::Tensor& ids, const at::Tensor& rows) = nullptr;
  void (*embedding_backward)(const at::Tensor& dy, const at::Tensor& ids, const at::Tensor& dtable) = nullptr;

  void (*router_logits)(const at::Tensor& x, const at::Tensor& w, const at::Tensor& logits) = nullptr;
  void (*softmax_scores)(const at::Tensor& logits, const at::Tensor& scores, const at::Tensor& log_sums) = nullptr;
  void (*softmax_scores_backward)(const at::Tensor& dscores, const at::Tensor& dlog_sums, const at::Tensor& logits,
                                  const at::Tensor& scores, const at::Tensor& log_sums, const at::Tensor& dlogits) = nullptr;
  void (*sigmoid_scores)(const at::Tensor& logits, const at::Tensor& scores) = nullptr;
  void (*top_k)(const at::Tensor& scores, const at::Tensor& bias, const at::Tensor& experts) = nullptr;
  void (*expert_slots)(const at::Tensor& experts, const at::Tensor& counts, const at::Tensor& order, const at::Tensor& slots) = nullptr;
  void (*within_capacity)(const at::Tensor& experts, const at::Tensor& sequence, const at::Tensor& capacity, std::int64_t num_experts,
                          const at::Tensor& kept) = nullptr;
  void (*grouped_product)(const at::Tensor& rows, const at::Tensor& weight, const at::Tensor& counts, const at::Tensor& out) = nullptr;
  void (*grouped_product_backward)(const at::Tensor& dy, const at::Tensor& weight, const at::Tensor& counts,
                                   const at::Tensor& drows) = nullptr;
  void (*grouped_weight_gradient)(const at::Tensor& dy, const at::Tensor& rows, const at::Tensor& counts, at::ScalarType type,
                                  const at::Tensor& sum, double beta) = nullptr;
  /// Whether the device multiplies groups by this weight by itself. Else the products are a loop over groups, which needs their counts on
  /// the host.
  bool (*multiplies_groups)(const at::Tensor& weight) = nullptr;
  void (*pick_columns)(const at::Tensor& values, const at::Tensor& columns, const at::Tensor& out) = nullptr;
  void (*place_columns)(const at::Tensor& values, const at::Tensor& columns, const at::Tensor& out) = nullptr;
  void (*gather_rows)(const at::Tensor& x, const at::Tensor& index, const at::Tensor& out) = nullptr;
  void (*combine_rows)(const at::Tensor& rows, const at::Tensor& slots, const at::Tensor& y) = nullptr;

  void (*adamw)(const AdamwOperands& operands, const AdamwStep& step, const AdamwControl& control) = nullptr;
  void (*adamw_by_row)(const AdamwOperands& operands, at::IntArrayRef updates, const AdamwStep& step,
                       const AdamwControl& control) = nullptr;
  void (*adamw_by_column)(const AdamwOperands& operands, at::IntArrayRef updates, const AdamwStep& step,
                          const AdamwControl& control) = nullptr;

  void (*square_sum)(const at::Tensor& values, const at::Tensor& sum) = nullptr;
  void (*finite)(const at::Tensor& values, const at::Tensor& finite) = nullptr;
};

/// The CUDA forms of this build; all null in a build without CUDA.
const CudaOperations& cuda_operations();

}  // namespace sluice::ops
