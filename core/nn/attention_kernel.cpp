#include "core/nn/attention_kernel.hpp"

#include "core/tensor/dtype_map.hpp"

#include <ATen/Context.h>
#include <ATen/SDPBackend.h>
#include <ATen/ops/_fused_sdp_choice.h>

namespace sluice {

bool takes_shared_heads(const at::Tensor& queries) { return queries.is_cuda() && queries.scalar_type() == at::kBFloat16; }

AttentionKernel attention_kernel(const at::TensorOptions& options, std::int64_t head_dim) {
  const at::ScalarType type = product_type(type_of(options), options.device());
  // Gradients are wanted: some kernels have none for some sizes.
  const at::Tensor q = at::zeros({1, 2, 128, head_dim}, options.dtype(type)).set_requires_grad(true);
  const bool shares = takes_shared_heads(q);
  const at::Tensor k = shares ? q.narrow(1, 0, 1) : q;
  const auto choice = static_cast<at::SDPBackend>(at::_fused_sdp_choice(q, k, k, {}, 0.0, true, std::nullopt, shares));
  const bool cuda = options.device().is_cuda(), strict = at::globalContext().deterministicAlgorithms();
  const std::string of = std::string(at::toString(type));
  switch (choice) {
    case at::SDPBackend::cudnn_attention: return {"cuDNN", "LibTorch's first choice on this device"};
    case at::SDPBackend::flash_attention:
      if (!cuda) return {"flash", "LibTorch's kernel for the CPU"};
      return {"flash", strict ? "deterministic algorithms are asked for, which refuses cuDNN"
                              : "LibTorch prefers cuDNN only where it is newer than 9.15 and the device is of compute capability 9 or 10"};
    case at::SDPBackend::efficient_attention: return {"memory-efficient", "flash attention computes bfloat16 and float16, not " + of};
    default: return {"math", "no fused kernel computes " + of + " here: scores of all pairs are in memory at once"};
  }
}

}  // namespace sluice
