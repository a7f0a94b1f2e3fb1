// An operation has up to three forms: our kernels for the CPU, one composed of ATen's operators, which runs on any device, and one for
// CUDA (cuda.hpp). Its operand's device and one switch of the process decide which of them runs.
//
// Composed forms read no values: nothing of them waits for a device, and they run on the meta device, where there are none.
#pragma once

#include "core/tensor/tensor.hpp"

namespace sluice::ops {

enum class Backend { kCpuKernels, kComposed, kCuda };

/// Whether the environment variable SLUICE_OPERATIONS says composed, not kernels (as is unset or empty). Usage error if it is neither.
bool environment_says_composed();
/// Whether every operation runs composed, whatever the device: what the environment said when it was first asked for, unless set. The
/// ranks of a job must agree.
bool uses_composed();
/// From now on, in this process.
void use_composed(bool composed);

/// The backend of operations on tensors of `device`; `has_cuda`: the operation has a form for CUDA.
Backend backend_of(at::Device device, bool has_cuda);

/// Runs the form that `operand` asks for, without autograd. `cuda` null: it has none, and runs composed there.
template <class... Parameters, class... Arguments>
void run(const at::Tensor& operand, void (*kernels)(Parameters...), void (*composed)(Parameters...), void (*cuda)(Parameters...),
         const Arguments&... arguments) {
  at::NoGradGuard no_grad;
  switch (backend_of(operand.device(), cuda != nullptr)) {
    case Backend::kCpuKernels: return kernels(arguments...);
    case Backend::kComposed: return composed(arguments...);
    case Backend::kCuda: return cuda(arguments...);
  }
}

}  // namespace sluice::ops
