#include "core/kernels/cuda/router.hpp"

#include "core/ops/cuda/device.hpp"
#include "core/ops/cuda/forms.hpp"
#include "core/tensor/pointers.hpp"

namespace sluice::ops {
namespace {

void logits(const at::Tensor& x, const at::Tensor& w, const at::Tensor& out) {
  SLUICE_DISPATCH(x.scalar_type(), [&] {
    kernels::cuda::router_logits(device_data<const T>(x), device_data<const A>(w), x.size(0), w.size(0), x.size(1), device_data<A>(out),
                                 current_stream());
  });
}

void softmax(const at::Tensor& logits, const at::Tensor& scores, const at::Tensor& log_sums) {
  SLUICE_DISPATCH(logits.scalar_type(), [&] {
    kernels::cuda::softmax(device_data<const A>(logits), logits.size(0), logits.size(1), device_data<A>(scores), device_data<A>(log_sums),
                           current_stream());
  });
}

void softmax_backward(const at::Tensor& dscores, const at::Tensor& dlog_sums, const at::Tensor& logits, const at::Tensor& scores,
                      const at::Tensor& log_sums, const at::Tensor& dlogits) {
  SLUICE_DISPATCH(logits.scalar_type(), [&] {
    kernels::cuda::softmax_backward(device_data<const A>(dscores), device_data<const A>(dlog_sums), device_data<const A>(logits),
                                    device_data<const A>(scores), device_data<const A>(log_sums), logits.size(0), logits.size(1),
                                    device_data<A>(dlogits), current_stream());
  });
}

void sigmoid(const at::Tensor& logits, const at::Tensor& scores) {
  SLUICE_DISPATCH(logits.scalar_type(),
                  [&] { kernels::cuda::sigmoid(device_data<const A>(logits), logits.numel(), device_data<A>(scores), current_stream()); });
}

void top_k(const at::Tensor& scores, const at::Tensor& bias, const at::Tensor& experts) {
  TORCH_CHECK(experts.size(1) <= scores.size(1), "top_k: cannot choose ", experts.size(1), " of ", scores.size(1), " experts");
  SLUICE_DISPATCH(scores.scalar_type(), [&] {
    kernels::cuda::top_k(device_data<const A>(scores), device_data<const A>(bias), scores.size(0), scores.size(1), experts.size(1),
                         device_data<std::int64_t>(experts), current_stream());
  });
}

}  // namespace

void add_router_forms(CudaOperations& table) {
  table.router_logits = logits;
  table.softmax_scores = softmax;
  table.softmax_scores_backward = softmax_backward;
  table.sigmoid_scores = sigmoid;
  table.top_k = top_k;
}

}  // namespace sluice::ops
