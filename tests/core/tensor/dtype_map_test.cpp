#include "core/tensor/dtype_map.hpp"

#include "core/base/error.hpp"
#include "core/base/processor.hpp"
#include "core/nn/parameter.hpp"
#include "core/tensor/cuda_device.hpp"
#include "tests/support/catch.hpp"

#include <cstdlib>
#include <string>

using namespace sluice;

namespace {

constexpr const char* kVariable = "SLUICE_BFLOAT16_PRODUCTS";

// Leaves the process as it was.
struct Restore {
  const bool native = native_bfloat16(at::kCPU);
  const char* const value = std::getenv(kVariable);
  const std::string wanted = value == nullptr ? "" : value;
  ~Restore() {
    set_native_bfloat16(native);
    setenv(kVariable, wanted.c_str(), 1);
  }
};

}  // namespace

TEST_CASE("products of bfloat16 are computed as chosen, others in their own type") {
  const Restore restore;
  for (const bool native : {false, true}) {
    set_native_bfloat16(native);
    for (const at::DeviceType device : {at::kCPU, at::kMeta}) {
      CHECK(native_bfloat16(device) == native);
      CHECK(product_type(at::kBFloat16, device) == (native ? at::kBFloat16 : at::kFloat));
      for (const at::ScalarType type : {at::kFloat, at::kDouble}) CHECK(product_type(type, device) == type);
      const at::Tensor x = at::ones({3}, at::TensorOptions().dtype(at::kBFloat16).device(device));
      CHECK(to_product(x).scalar_type() == product_type(at::kBFloat16, device));
    }
    // A CUDA device is asked itself, whatever the CPU does.
    if (const CudaDevices found = find_cuda_devices(); !found.built || !found.visible.empty())
      CHECK(native_bfloat16(at::kCUDA) == (cuda_compute_capability(at::kCUDA) >= 8));
    // What products see of a parameter follows the choice when it is refreshed.
    Parameter p = Parameter::make("p", {2, 3}, at::kBFloat16);
    CHECK(p.compute.scalar_type() == product_type(at::kBFloat16, at::kCPU));
    set_native_bfloat16(!native);
    p.refresh_compute(at::kBFloat16);
    CHECK(p.compute.scalar_type() == product_type(at::kBFloat16, at::kCPU));
  }
}

TEST_CASE("this processor's choice is the table's, and the environment overrides it") {
  const Restore restore;
  setenv(kVariable, "", 1);
  const Bfloat16Products best = best_bfloat16_products();
  CHECK(best.native == multiplies_bfloat16_natively(product_set(this_processor())));
  CHECK(best.why == (best.native ? native_with(product_set(this_processor())) : why_no_amx(this_processor())));
  for (const bool native : {false, true}) {
    setenv(kVariable, native ? "native" : "float32", 1);
    CHECK(best_bfloat16_products().native == native);
    CHECK(best_bfloat16_products().why == std::string(kVariable) + (native ? "=native" : "=float32"));
  }
  setenv(kVariable, "yes", 1);
  CHECK_THROWS_AS(best_bfloat16_products(), Error);
}
