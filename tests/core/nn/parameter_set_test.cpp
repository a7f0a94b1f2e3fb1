// Values and gradients lie flat by replication class, at the same places; what is frozen, or not trained at all, stays as it is.
#include "core/nn/parameter_set.hpp"

#include "tests/support/catch.hpp"
#include "tests/support/tensor_memory.hpp"

#include <string>
#include <vector>

using namespace sluice;

namespace {

Parameter filled(const std::string& name, std::vector<std::int64_t> shape, double first, Replication replication = Replication::kWorld,
                 at::ScalarType type = at::kFloat) {
  Parameter p = Parameter::make(name, std::move(shape), type);
  p.replication = replication;
  p.value.copy_(at::arange(p.value.numel(), p.value.options()).view(p.value.sizes()) + first);
  p.refresh_compute(type);
  return p;
}

bool lies_in(const at::Tensor& view, const at::Tensor& buffer) { return view.storage().is_alias_of(buffer.storage()); }

}  // namespace

TEST_CASE("values move into the buffer of their class and keep their numbers; gradients lie at the same places") {
  Parameter a = filled("a", {3, 5}, 100), b = filled("b", {2, 2, 4}, 200, Replication::kExpert), c = filled("c", {7}, 300);
  Parameter d = filled("d", {4, 4}, 400, Replication::kExpert), frozen = filled("frozen", {6}, 500);
  frozen.trainable = false;
  const at::Tensor frozen_value = frozen.value;
  ParameterSet parameters({&a, &frozen, &b, &c, &d}, true, {4, 2});
  CHECK(parameters.range_of(a) == ElementRange{0, 15});
  CHECK(parameters.range_of(c) == ElementRange{16, 23});
  CHECK(parameters.range_of(b) == ElementRange{0, 16});
  CHECK(parameters.range_of(d) == ElementRange{16, 32});
  CHECK(parameters.buffers(Replication::kWorld).value.numel() == 64);
  CHECK(parameters.buffers(Replication::kExpert).gradient.numel() == 32);
  CHECK(parameters.dense_gradient().numel() == 23);
  for (const Parameter* p : {&a, &b, &c, &d}) {
    INFO(p->name);
    const ElementRange& range = parameters.range_of(*p);
    const ParameterSet::Buffers& buffers = parameters.buffers(p->replication);
    CHECK(lies_in(p->value, buffers.value));
    CHECK(lies_in(p->gradient.sum(), buffers.gradient));
    CHECK(p->value.storage_offset() == range.begin);
    CHECK(p->gradient.sum().storage_offset() == range.begin);
    CHECK(p->compute.is_same(p->value));
    CHECK(reinterpret_cast<std::uintptr_t>(p->value.const_data_ptr()) % 64 == 0);
    const double first = p == &a ? 100 : p == &b ? 200 : p == &c ? 300 : 400;
    CHECK(at::equal(p->value.view({-1}), at::arange(p->value.numel(), p->value.options()) + first));
    // What is not of a parameter is zero.
    buffers.value.narrow(0, range.begin, range.count()).zero_();
  }
  CHECK(frozen.value.is_same(frozen_value));
  CHECK(!frozen.gradient.placed());
  for (const Replication each : {Replication::kWorld, Replication::kExpert}) {
    CHECK(parameters.buffers(each).value.abs().max().item<double>() == 0.0);
    CHECK(parameters.buffers(each).gradient.abs().max().item<double>() == 0.0);
  }
}

TEST_CASE("gradients packed are one after the other, and no copy where there are no gaps") {
  Parameter a = filled("a", {3, 5}, 100), b = filled("b", {16}, 200, Replication::kExpert), c = filled("c", {7}, 300);
  const ParameterSet parameters({&a, &b, &c});
  a.gradient.sum().fill_(1.0);
  c.gradient.sum().fill_(2.0);
  CHECK(at::equal(parameters.packed_gradient(Replication::kWorld), at::cat({at::ones({15}), at::full({7}, 2.0)})));
  CHECK(lies_in(parameters.packed_gradient(Replication::kExpert), parameters.buffers(Replication::kExpert).gradient));
  CHECK(ParameterSet({&a}).packed_gradient(Replication::kExpert).numel() == 0);
}

TEST_CASE("a set that is not trained leaves values where they are") {
  Parameter a = filled("a", {3, 5}, 100);
  const at::Tensor value = a.value;
  const ParameterSet parameters({&a}, false);
  CHECK(a.value.is_same(value));
  CHECK(!parameters.buffers(Replication::kWorld).value.defined());
  CHECK(parameters.trained().empty());
}

TEST_CASE("a bfloat16 model's products go on with their copies, which follow the values where they lie now") {
  Parameter a = filled("a", {3, 5}, 100, Replication::kWorld, at::kBFloat16);
  const at::Tensor copy = a.compute;
  ParameterSet parameters({&a});
  CHECK(a.compute.is_same(copy));
  a.refresh_compute(at::kBFloat16);
  CHECK(at::equal(a.compute, copy));
  parameters.buffers(Replication::kWorld).value.fill_(3.0);
  a.refresh_compute(at::kBFloat16);
  CHECK(a.compute.eq(3.0).all().item<bool>());
}

TEST_CASE("while values move there are never more than two of each, and gradients take the place of the old ones") {
  constexpr std::int64_t kCount = 100'000, kBytes = 10 * kCount * 4;
  testing::TensorMemory::counted();
  std::vector<Parameter> all;
  for (int i = 0; i < 10; ++i) all.push_back(Parameter::make("p" + std::to_string(i), {kCount}, at::kFloat));
  std::vector<Parameter*> pointers;
  for (Parameter& p : all) pointers.push_back(&p);
  ParameterSet parameters;
  const std::int64_t before = testing::TensorMemory::counted().bytes();
  CHECK(testing::peak_bytes_of([&] { parameters = ParameterSet(pointers); }) < kBytes + kBytes / 50);
  CHECK(testing::TensorMemory::counted().bytes() - before < kBytes + kBytes / 50);
}
