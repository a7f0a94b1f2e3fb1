// The forms of one operation side by side: kernels against composed, composed on the meta device, both on views with gaps.
#pragma once

#include "core/base/random.hpp"
#include "core/ops/backend.hpp"
#include "tests/support/catch.hpp"

#include <ATen/Context.h>
#include <c10/util/Exception.h>

#include <algorithm>
#include <cstring>
#include <functional>
#include <string>
#include <vector>

namespace sluice::testing {

using Tensors = std::vector<at::Tensor>;
/// Results, and operands that were changed in place. Both may be undefined.
using Operation = std::function<Tensors(const Tensors& operands)>;

/// While it lives, every operation runs composed, or, if not `on`, none has to.
class Composed {
 public:
  explicit Composed(bool on = true) { ops::use_composed(on); }
  ~Composed() { ops::use_composed(before_); }
  Composed(const Composed&) = delete;
  Composed& operator=(const Composed&) = delete;

 private:
  bool before_ = ops::uses_composed();
};

/// While it lives, new memory is full of NaN, or of the largest integer.
class Poisoned {
 public:
  Poisoned() { at::globalContext().setDeterministicAlgorithms(true, false); }
  ~Poisoned() { at::globalContext().setDeterministicAlgorithms(false, false); }
  Poisoned(const Poisoned&) = delete;
  Poisoned& operator=(const Poisoned&) = delete;
};

inline at::Tensor normal(at::IntArrayRef shape, at::ScalarType type, const char* name) {
  const at::Tensor values = at::empty(shape, at::kDouble);
  auto* out = static_cast<double*>(values.data_ptr());
  for (std::int64_t i = 0; i < values.numel(); ++i) out[i] = random_normal(random_key(5, name), static_cast<std::uint64_t>(i));
  return values.to(type);
}

/// int64 of [first, first + count).
inline at::Tensor integers(at::IntArrayRef shape, std::int64_t first, std::int64_t count, const char* name) {
  const at::Tensor values = at::empty(shape, at::kLong);
  auto* out = static_cast<std::int64_t*>(values.data_ptr());
  for (std::int64_t i = 0; i < values.numel(); ++i)
    out[i] = first + static_cast<std::int64_t>(random_uniform(random_key(7, name), static_cast<std::uint64_t>(i)) * double(count));
  return values;
}

/// How far two forms may lie apart, beside the largest result: a few roundings of sums; of bfloat16 results one.
inline double tolerance_of(at::ScalarType type) { return type == at::kDouble ? 1e-13 : type == at::kFloat ? 2e-6 : 1.0 / 128; }

/// Equal bits, or both not there.
inline bool same_bits(const at::Tensor& a, const at::Tensor& b) {
  if (!a.defined() || !b.defined()) return a.defined() == b.defined();
  const at::Tensor left = a.contiguous(), right = b.contiguous();
  return left.sizes() == right.sizes() && left.scalar_type() == right.scalar_type() &&
         (left.nbytes() == 0 || std::memcmp(left.data_ptr(), right.data_ptr(), left.nbytes()) == 0);
}

/// Integers equal; NaN where NaN is.
inline void check_close(const at::Tensor& got, const at::Tensor& expected) {
  REQUIRE(got.defined() == expected.defined());
  if (!got.defined()) return;
  REQUIRE(got.sizes() == expected.sizes());
  REQUIRE(got.scalar_type() == expected.scalar_type());
  if (!got.is_floating_point()) {
    CHECK(at::equal(got, expected));
    return;
  }
  const at::Tensor wide = expected.to(at::kDouble);
  const double largest = wide.numel() > 0 ? wide.nan_to_num(0.0, 0.0, 0.0).abs().max().item<double>() : 0.0;
  const double tolerance = tolerance_of(got.scalar_type());
  CHECK(at::allclose(got.to(at::kDouble), wide, tolerance, tolerance * std::max(1.0, largest), true));
}

inline Tensors for_each(const Tensors& tensors, const std::function<at::Tensor(const at::Tensor&)>& work) {
  Tensors result;
  for (const at::Tensor& tensor : tensors) result.push_back(tensor.defined() ? work(tensor) : tensor);
  return result;
}

/// The same shape and values, with a gap behind each element.
inline at::Tensor with_gaps(const at::Tensor& tensor) { return at::stack({tensor, tensor}, -1).select(-1, 0); }

inline bool refuses(const Operation& operation, const Tensors& operands) {
  try {
    operation(operands);
  } catch (const c10::Error& error) {
    const std::string line = error.what_without_backtrace();
    return line.find(" with strides ") != std::string::npos && line.find('\n') == std::string::npos;
  }
  return false;
}

/// The results of an operation's CUDA form, on each device that this program has: none, an emulated one (tests/cuda_emulation) or a real
/// one. Runs it twice and requires the same bits. Results are on the CPU.
std::vector<Tensors> results_on_devices(const Operation& operation, const Tensors& operands);

/// The kernels give what the composed form gives, and leave no result unwritten; composed, it runs where there are no values and gives
/// results of the same kind; whichever operand is a view with gaps, both forms refuse.
inline void check_forms(const Operation& operation, const Tensors& operands) {
  const auto clone = [](const at::Tensor& tensor) { return tensor.clone(); };
  const Composed off(false);
  Tensors kernels, composed;
  {
    const Poisoned poisoned;
    kernels = operation(for_each(operands, clone));
    const Composed on;
    composed = operation(for_each(operands, clone));
  }
  const Tensors meta = operation(for_each(operands, [](const at::Tensor& tensor) { return tensor.to(at::kMeta); }));
  for (const Tensors& results : results_on_devices(operation, operands)) {
    REQUIRE(results.size() == composed.size());
    for (std::size_t i = 0; i < results.size(); ++i) {
      INFO("result " << i << " on a device");
      check_close(results[i], composed[i]);
    }
  }
  REQUIRE(composed.size() == kernels.size());
  REQUIRE(meta.size() == kernels.size());
  for (std::size_t i = 0; i < kernels.size(); ++i) {
    INFO("result " << i);
    check_close(kernels[i], composed[i]);
    REQUIRE(meta[i].defined() == kernels[i].defined());
    if (!meta[i].defined()) continue;
    CHECK(meta[i].is_meta());
    CHECK(meta[i].sizes() == kernels[i].sizes());
    CHECK(meta[i].scalar_type() == kernels[i].scalar_type());
  }
  for (std::size_t i = 0; i < operands.size(); ++i) {
    if (!operands[i].defined() || operands[i].numel() < 2) continue;
    INFO("operand " << i);
    Tensors gaps = for_each(operands, clone);
    gaps[i] = with_gaps(gaps[i]);
    CHECK(refuses(operation, gaps));
    const Composed on;
    CHECK(refuses(operation, gaps));
  }
}

/// work(T, the accumulation type of T) for each type of values.
inline void for_each_type(const std::function<void(at::ScalarType, at::ScalarType)>& work) {
  for (const at::ScalarType type : {at::kDouble, at::kFloat, at::kBFloat16}) {
    INFO(at::toString(type));
    work(type, type == at::kDouble ? at::kDouble : at::kFloat);
  }
}

inline constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
inline constexpr double kInfinity = std::numeric_limits<double>::infinity();

}  // namespace sluice::testing
