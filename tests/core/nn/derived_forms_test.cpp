// A form is made of every version of a value, once: whoever wrote the value, and in whatever way.
#include "core/nn/derived_forms.hpp"

#include "core/nn/parameter_set.hpp"
#include "core/optim/adamw.hpp"
#include "core/tensor/dtype_map.hpp"
#include "core/tensor/host_memory.hpp"
#include "tests/support/adamw_control.hpp"
#include "tests/support/catch.hpp"

#include <functional>
#include <utility>

using namespace sluice;

TEST_CASE("a form is made again when its version is another, into the tensor that it had") {
  DerivedForms forms;
  int made = 0;
  const auto make = [&](at::Tensor& form) {
    if (!form.defined()) form = at::zeros({2});
    form.fill_(++made);
  };
  const at::Tensor first = forms.get("packed", 0, make);
  CHECK(forms.get("packed", 0, make).is_same(first));
  CHECK(made == 1);
  CHECK(forms.get("packed", 7, make).is_same(first));
  CHECK(made == 2);
  CHECK(!forms.get("transposed", 7, make).is_same(first));
  CHECK(made == 3);
  forms.clear();
  CHECK(!forms.get("packed", 7, make).is_same(first));
  CHECK(made == 4);
}

TEST_CASE("every way to write a value makes its version another, through whatever view; reading does not") {
  at::NoGradGuard no_grad;
  Parameter p = Parameter::make("p", {4, 8}, at::kFloat, {{"p.0", 0, {2, 8}}, {"p.1", 16, {2, 8}}});
  Parameter other = Parameter::make("other", {16}, at::kFloat);
  ParameterSet parameters({&p, &other});
  AdamW optimizer(parameters);
  const at::Tensor leaf = p.view(p.value, p.leaves[1]), rows = at::ones({1, 8}), index = at::tensor({2}, at::kLong);
  const at::Tensor& flat = parameters.buffers(Replication::kWorld).value;
  p.gradient.sum().fill_(1.0);
  const std::pair<const char*, std::function<void()>> writers[] = {
      {"copy", [&] { p.value.copy_(at::ones({4, 8})); }},
      {"a row", [&] { p.value[2].mul_(2.0); }},
      {"a leaf", [&] { leaf.add_(1.0); }},
      {"some rows", [&] { p.value.index_copy_(0, index, rows); }},
      {"the flat buffer", [&] { flat.fill_(3.0); }},
      {"a range of the flat buffer", [&] { flat.narrow(0, 3, 5).zero_(); }},
      {"a pointer", [&] { data_of<float>(leaf)[1] = 5.0f; }},
      {"what is received", [&] { from_host(flat).give_back(); }},
      {"the optimizer", [&] { optimizer.step(parameters, {}, 1e-2, testing::update_by(1.0)); }},
  };
  for (const auto& [name, write] : writers) {
    INFO(name);
    const std::int64_t before = p.version();
    write();
    CHECK(p.version() != before);
  }
  const std::int64_t before = p.version();
  data_of<const float>(p.value);
  to_host(p.value);
  p.value.sum();
  optimizer.updates()[0][0].count_update();
  p.gradient.sum().fill_(2.0);
  CHECK(p.version() == before);
}

TEST_CASE("the bfloat16 copy is made of a changed value only") {
  at::NoGradGuard no_grad;
  Parameter p = Parameter::make("p", {4, 8}, at::kBFloat16);
  ParameterSet parameters({&p});
  AdamW optimizer(parameters);
  p.value.fill_(1.0 + 1.0 / 1024);
  p.refresh_compute(at::kBFloat16);
  const at::Tensor copy = p.compute;
  CHECK(copy.eq(1.0).all().item<bool>());
  // An unchanged value is not read again: what is written into the copy stays.
  copy.fill_(9.0);
  p.refresh_compute(at::kBFloat16);
  CHECK(p.compute.is_same(copy));
  CHECK(copy.eq(9.0).all().item<bool>());
  p.gradient.sum().fill_(1.0);
  optimizer.step(parameters, {}, 0.25, testing::update_by(1.0));
  p.refresh_compute(at::kBFloat16);
  CHECK(p.compute.is_same(copy));
  CHECK(at::equal(copy, p.value.to(at::kBFloat16).to(copy.scalar_type())));
  // Products in the value's own type see the value, and there is no copy any more, but the memory of the flat one.
  p.refresh_compute(at::kFloat);
  CHECK(p.compute.is_same(p.value));
  CHECK(copy.use_count() == (p.compute_memory.defined() ? 2U : 1U));
  p.refresh_compute(at::kBFloat16);
  CHECK(at::equal(p.compute, copy));
}

TEST_CASE("where products read bfloat16 the optimizer makes the copies in its own pass, in one flat buffer") {
  at::NoGradGuard no_grad;
  const bool before = native_bfloat16(at::kCPU);
  set_native_bfloat16(true);
  Parameter a = Parameter::make("a", {4, 8}, at::kBFloat16), b = Parameter::make("b", {5}, at::kBFloat16),
            frozen = Parameter::make("frozen", {3}, at::kBFloat16);
  frozen.trainable = false;
  ParameterSet parameters({&a, &frozen, &b});
  AdamW optimizer(parameters);
  const at::Tensor flat = parameters.buffers(Replication::kWorld).compute;
  REQUIRE(flat.defined());
  CHECK(a.compute.is_alias_of(flat));
  CHECK(b.compute.is_alias_of(flat));
  CHECK(!frozen.compute.is_alias_of(flat));
  const auto step = [&] {
    for (Parameter* p : {&a, &b}) p->gradient.sum().fill_(0.37);
    optimizer.step(parameters, {}, 0.25, testing::update_by(1.0));
  };
  const auto rounded = [](const Parameter& p) { return at::equal(p.compute, p.value.to(at::kBFloat16)); };
  step();
  CHECK(a.value.ne(0.0).all().item<bool>());
  CHECK(rounded(a));
  CHECK(rounded(b));
  // They are known to be made: what is written into one stays, and a value that somebody else changes is copied anew.
  a.compute.fill_(9.0);
  a.refresh_compute(at::kBFloat16);
  CHECK(a.compute.eq(9.0).all().item<bool>());
  a.value.fill_(0.3);
  a.refresh_compute(at::kBFloat16);
  CHECK(rounded(a));
  // A model that computed in float32 meanwhile (a receipt's does) comes back to the same memory.
  for (Parameter* p : {&a, &b}) p->refresh_compute(at::kFloat);
  step();
  CHECK(a.compute.is_same(a.value));
  for (Parameter* p : {&a, &b}) p->refresh_compute(at::kBFloat16);
  CHECK(a.compute.is_alias_of(flat));
  CHECK(rounded(a));
  step();
  CHECK(rounded(a));
  CHECK(rounded(b));
  // Where products read the rounded values as float32, those have memory of their own, of which the optimizer says nothing.
  set_native_bfloat16(false);
  for (Parameter* p : {&a, &b}) p->refresh_compute(at::kBFloat16);
  step();
  for (Parameter* p : {&a, &b}) p->refresh_compute(at::kBFloat16);
  CHECK(a.compute.scalar_type() == at::kFloat);
  CHECK(at::equal(a.compute, a.value.to(at::kBFloat16).to(at::kFloat)));
  set_native_bfloat16(true);
  for (Parameter* p : {&a, &b}) p->refresh_compute(at::kBFloat16);
  CHECK(rounded(a));
  // Told to change nothing, it leaves values, and the copies are theirs still.
  optimizer.step(parameters, {}, 0.25, testing::update_by(1.0, false));
  CHECK(rounded(a));
  set_native_bfloat16(before);
}
