// Which form an operation runs in, and what it says of arguments that no form can take.
#include "core/ops/backend.hpp"

#include "core/base/error.hpp"
#include "core/ops/arguments.hpp"
#include "core/ops/rms_norm.hpp"
#include "tests/core/ops/forms.hpp"

using namespace sluice;
using namespace sluice::ops;
using namespace sluice::testing;

TEST_CASE("device and switch decide on the backend") {
  const Composed off(false);
  for (const bool has_cuda : {false, true}) {
    CHECK(backend_of(at::kCPU, has_cuda) == Backend::kCpuKernels);
    CHECK(backend_of(at::kMeta, has_cuda) == Backend::kComposed);
    CHECK(backend_of(at::kCUDA, has_cuda) == (has_cuda ? Backend::kCuda : Backend::kComposed));
  }
  const Composed on;
  for (const at::DeviceType device : {at::kCPU, at::kMeta, at::kCUDA}) CHECK(backend_of(device, true) == Backend::kComposed);
}

TEST_CASE("the environment may say composed") {
  const char* before = std::getenv("SLUICE_OPERATIONS");
  const std::string restored = before != nullptr ? before : "";
  for (const char* value : {"", "kernels", "composed"}) {
    setenv("SLUICE_OPERATIONS", value, 1);
    CHECK(environment_says_composed() == (std::string(value) == "composed"));
  }
  setenv("SLUICE_OPERATIONS", "cuda", 1);
  CHECK_THROWS_AS(environment_says_composed(), Error);
  unsetenv("SLUICE_OPERATIONS");
  CHECK(!environment_says_composed());
  if (before != nullptr) setenv("SLUICE_OPERATIONS", restored.c_str(), 1);
}

TEST_CASE("the form that runs is the backend's, without autograd") {
  void (*const kernels)(const at::Tensor&) = [](const at::Tensor& out) { out.fill_(1.0); };
  void (*const composed)(const at::Tensor&) = [](const at::Tensor& out) { out.fill_(2.0); };
  void (*const cuda)(const at::Tensor&) = [](const at::Tensor& out) { out.fill_(3.0); };
  const at::Tensor out = at::zeros({}, at::kDouble).set_requires_grad(true);
  const Composed off(false);
  run(out, kernels, composed, cuda, out);
  CHECK(out.item<double>() == 1.0);
  const Composed on;
  run(out, kernels, composed, cuda, out);
  CHECK(out.item<double>() == 2.0);
  CHECK(out.is_leaf());
}

TEST_CASE("arguments are refused in one line that names operation, argument and what was expected") {
  const at::Tensor x = at::zeros({2, 3}, at::kFloat), weight = at::ones({3}, at::kFloat);
  const auto message = [](const at::Tensor& x, const at::Tensor& weight) -> std::string {
    try {
      rms_norm(x, weight, 1e-6);
    } catch (const c10::Error& error) {
      return error.what_without_backtrace();
    }
    return "";
  };
  CHECK(message(x, weight) == "");
  CHECK(message(at::Tensor(), weight) == "rms_norm: its operand is not there; this is a defect of Sluice");
  CHECK(message(x, at::Tensor()) == "rms_norm: weight is not there; this is a defect of Sluice");
  CHECK(message(x, weight.to(at::kDouble)) ==
        "rms_norm: weight is Double [3] with strides [1] on cpu, expected contiguous Float [-1] on cpu; this is a defect of Sluice");
  CHECK(message(x, weight.to(at::kMeta)) ==
        "rms_norm: weight is Float [3] with strides [1] on meta, expected contiguous Float [-1] on cpu; this is a defect of Sluice");
  CHECK(message(x.to(at::kInt), weight) ==
        "rms_norm: x is Int [2, 3] with strides [3, 1] on cpu, expected contiguous Float [2, 3] on cpu; this is a defect of Sluice");
  CHECK(message(x.to_sparse(), weight) == "rms_norm: x has layout Sparse; this is a defect of Sluice");
  CHECK(message(x, at::ones({4}, at::kFloat)) == "rms_norm: x [2, 3] is not made of rows of 4; this is a defect of Sluice");
}
