// An operation has up to three forms: a kernel for the CPU (core/kernels), a form composed of ATen's operators, which runs on any device,
// and a form for CUDA (cuda.hpp). The device of the operand and one switch of the process decide which of them runs.
//
// Composed forms never read the values of a tensor on the host. So they never wait for a device, and they run on the meta device, whose
// tensors have no values.
#pragma once

#include "core/tensor/tensor.hpp"

namespace sluice::ops {

enum class Backend { kCpuKernels, kComposed, kCuda };

/// Whether the environment variable SLUICE_OPERATIONS is "composed". False if it is "kernels", empty or not set; any other value is a usage
/// error (exit 2).
bool environment_says_composed();
/// The switch of the process: true if every operation runs its composed form, whatever the device. It is what use_composed() set, or else
/// what the environment said at the first call. It must be the same on all ranks of a job.
bool uses_composed();
/// Sets the switch of this process from now on.
void use_composed(bool composed);

/// Which form of an operation runs on tensors of `device`. `has_cuda` says whether the operation has a form for CUDA.
Backend backend_of(at::Device device, bool has_cuda);

/// Runs one of the three forms with `arguments`, without autograd, chosen by the device of `operand` and the switch. If `cuda` is null, the
/// operation has no form for CUDA and runs composed there.
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
