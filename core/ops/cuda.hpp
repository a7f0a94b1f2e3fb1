// The CUDA form of each operation, where there is one. A build for CUDA has a source file of its own in the place of no_cuda.cpp, beside
// the kernels that it names; no other file knows which of the two was built.
//
// A form gets checked arguments (arguments.hpp), its results allocated, which it overwrites, and starts on the current stream without
// waiting for it. What each argument is, is said by the operation of that name.
#pragma once

#include "core/ops/adamw.hpp"
#include "core/tensor/tensor.hpp"

namespace sluice::ops {

/// Null: there is no such form, and the operation runs composed.
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
  void (*sigmoid_scores)(const at::Tensor& logits, const at::Tensor& scores) = nullptr;
  void (*top_k)(const at::Tensor& scores, const at::Tensor& bias, const at::Tensor& experts) = nullptr;
  void (*expert_slots)(const at::Tensor& experts, const at::Tensor& counts, const at::Tensor& order, const at::Tensor& slots) = nullptr;
  void (*within_capacity)(const at::Tensor& experts, const at::Tensor& sequence, const at::Tensor& capacity, std::int64_t num_experts,
                          const at::Tensor& kept) = nullptr;
  void (*grouped_product)(const at::Tensor& rows, const at::Tensor& weight, const at::Tensor& counts, const at::Tensor& out) = nullptr;
  void (*grouped_product_backward)(const at::Tensor& dy, const at::Tensor& weight, const at::Tensor& counts, const at::Tensor& drows) = nullptr;
  void (*grouped_weight_gradient)(const at::Tensor& dy, const at::Tensor& rows, const at::Tensor& counts, at::ScalarType type,
                                  const at::Tensor& sum, double beta) = nullptr;
  void (*gather_rows)(const at::Tensor& x, const at::Tensor& index, const at::Tensor& out) = nullptr;
  void (*combine_rows)(const at::Tensor& rows, const at::Tensor& slots, const at::Tensor& y) = nullptr;

  void (*adamw)(const AdamwOperands& operands, const AdamwStep& step) = nullptr;
  void (*adamw_by_row)(const AdamwOperands& operands, at::IntArrayRef updates, const AdamwStep& step) = nullptr;
  void (*adamw_by_column)(const AdamwOperands& operands, at::IntArrayRef updates, const AdamwStep& step) = nullptr;

  void (*square_sum)(const at::Tensor& values, const at::Tensor& sum) = nullptr;
  void (*finite)(const at::Tensor& values, const at::Tensor& finite) = nullptr;
};

/// Those of this build.
const CudaOperations& cuda_operations();

}  // namespace sluice::ops
