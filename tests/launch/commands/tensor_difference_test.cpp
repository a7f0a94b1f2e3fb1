#include "launch/commands/tensor_difference.hpp"

#include <cmath>
#include <cstring>
#include <limits>
#include <list>

#include "tests/support/catch.hpp"

using namespace sluice;
using checkpoint::Shape;
using checkpoint::StoredType;

namespace {

/// Tensors in memory, one byte beside any alignment.
class Tensors {
 public:
  template <class T>
  Tensors& add(const std::string& name, StoredType type, const Shape& shape, const std::vector<T>& values) {
    std::vector<std::byte>& bytes = storage_.emplace_back(values.size() * sizeof(T) + 1);
    std::memcpy(bytes.data() + 1, values.data(), values.size() * sizeof(T));
    views[name] = {{name, type, shape}, std::span<const std::byte>(bytes).subspan(1), nullptr};
    return *this;
  }
  Tensors& floats(const std::string& name, const std::vector<float>& values) {
    return add(name, StoredType::kF32, {static_cast<std::int64_t>(values.size())}, values);
  }
  TensorViews views;

 private:
  std::list<std::vector<std::byte>> storage_;
};

/// The difference of one tensor.
TensorDifference only(const Tensors& a, const Tensors& b) {
  const TensorSetDifference set = compare_tensors(a.views, b.views);
  REQUIRE(set.tensors.size() == 1);
  return set.tensors[0];
}

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInf = std::numeric_limits<float>::infinity();

}  // namespace

TEST_CASE("tensors are identical bit for bit or differ relative to the largest entry of A") {
  Tensors a, b;
  a.floats("same", {1, kNan, -3}).floats("x", {1, -4, 2}).floats("y", {0.5f, 0});
  b.floats("same", {1, kNan, -3}).floats("x", {1, -4.5f, 2.25f}).floats("y", {1, 0});
  const TensorSetDifference set = compare_tensors(a.views, b.views);
  CHECK(set.names.ok());
  CHECK_FALSE(set.identical());
  REQUIRE(set.tensors.size() == 3);
  CHECK(set.tensors[0].name == "y");  // the largest first
  CHECK(set.tensors[0].max_relative == 1.0);
  CHECK(set.tensors[1].name == "x");
  CHECK(set.tensors[1].max_absolute == 0.5);
  CHECK(set.tensors[1].max_relative == 0.125);
  CHECK(set.tensors[2].identical);
  CHECK(set.tensors[2].max_relative == 0.0);
  CHECK(set.max_relative() == 1.0);
  CHECK(compare_tensors(a.views, a.views).identical());
}

TEST_CASE("a tensor longer than a block is compared to its end") {
  std::vector<float> values(10001, 1.0f);
  Tensors a, b;
  a.floats("t", values);
  values.back() = 1.5f;
  b.floats("t", values);
  CHECK(only(a, b).max_relative == 0.5);
}

TEST_CASE("what float64 can tell apart is told apart") {
  Tensors a, b;
  a.add<double>("t", StoredType::kF64, {2}, {1.0, 1e-3});
  b.add<double>("t", StoredType::kF64, {2}, {1.0, 1e-3 + 1e-15});
  const TensorDifference difference = only(a, b);
  CHECK(difference.max_relative > 0.9e-15);
  CHECK(difference.max_relative < 1.1e-15);
}

TEST_CASE("floating-point types are compared by value") {
  Tensors single, bfloat, half, integers;
  single.floats("t", {1, -2, 65504, 0.5f, 5.9604644775390625e-08f});
  bfloat.add<std::uint16_t>("t", StoredType::kBF16, {5}, {0x3f80, 0xc000, 0x4780, 0x3f00, 0x3380});
  half.add<std::uint16_t>("t", StoredType::kF16, {5}, {0x3c00, 0xc000, 0x7bff, 0x3800, 0x0001});  // the largest and the smallest
  CHECK(only(single, half).max_absolute == 0.0);
  CHECK_FALSE(only(single, half).identical);         // other bytes
  CHECK(only(single, bfloat).max_absolute == 32.0);  // 65536
  integers.add<std::int64_t>("t", StoredType::kI64, {2}, {3, 10});
  Tensors others;
  others.add<std::int64_t>("t", StoredType::kI64, {2}, {3, 5});
  CHECK(only(integers, others).max_relative == 0.5);
}

TEST_CASE("half-precision infinities and NaNs are themselves") {
  Tensors half, single;
  half.add<std::uint16_t>("t", StoredType::kF16, {3}, {0x7c00, 0xfc00, 0x7e01});
  single.floats("t", {kInf, -kInf, kNan});
  CHECK(only(half, single).max_absolute == 0.0);
}

TEST_CASE("a NaN or an infinity against a number is an infinite difference") {
  for (const float bad : {kNan, kInf, -kInf}) {
    Tensors a, b;
    a.floats("t", {1, 2});
    b.floats("t", {1, bad});
    CHECK(std::isinf(only(a, b).max_relative));
    CHECK(std::isinf(only(b, a).max_relative));
  }
  Tensors a, b;
  a.floats("t", {kInf, kNan, 2});
  b.floats("t", {kInf, kNan, 3});
  CHECK(only(a, b).max_relative == 0.5);
  Tensors plus, minus;
  plus.floats("t", {kInf});
  minus.floats("t", {-kInf});
  CHECK(std::isinf(only(plus, minus).max_relative));
}

TEST_CASE("zeros: an all-zero A is measured against B, and negative zero is not identical to zero") {
  Tensors zeros, values, negative;
  zeros.floats("t", {0, 0});
  values.floats("t", {0, 8});
  negative.floats("t", {0, -0.0f});
  CHECK(only(zeros, values).max_relative == 1.0);
  CHECK(only(values, zeros).max_relative == 1.0);
  CHECK(only(zeros, negative).max_relative == 0.0);
  CHECK_FALSE(compare_tensors(zeros.views, negative.views).identical());
  Tensors empty;
  empty.floats("t", {});
  CHECK(only(empty, empty).identical);
}

TEST_CASE("tensors whose values are not compared differ by nothing or infinitely") {
  Tensors a, b;
  a.add<std::uint8_t>("t", StoredType::kF8E4M3, {2}, {1, 2});
  b.add<std::uint8_t>("t", StoredType::kF8E4M3, {2}, {1, 3});
  CHECK(only(a, a).identical);
  CHECK(std::isinf(only(a, b).max_relative));
}

TEST_CASE("names and shapes that do not match are listed, not compared") {
  Tensors a, b;
  a.floats("layers.10.w", {1}).floats("layers.2.w", {1}).floats("both", {1}).add<float>("shape", StoredType::kF32, {2, 1}, {1, 2});
  b.floats("both", {1}).floats("new", {1}).add<float>("shape", StoredType::kF32, {1, 2}, {1, 2});
  a.add<std::int64_t>("type", StoredType::kI64, {1}, {1});
  b.floats("type", {1});
  const TensorSetDifference set = compare_tensors(a.views, b.views);
  CHECK(set.names.missing == std::vector<std::string>{"layers.2.w", "layers.10.w"});
  CHECK(set.names.extra == std::vector<std::string>{"new"});
  REQUIRE(set.names.misshaped.size() == 2);
  CHECK(set.names.misshaped[0].expected.name == "shape");
  CHECK(set.names.misshaped[0].found.shape == Shape{1, 2});
  CHECK(set.names.misshaped[1].expected.name == "type");
  REQUIRE(set.tensors.size() == 1);
  CHECK(set.tensors[0].identical);
  CHECK_FALSE(set.identical());
}
