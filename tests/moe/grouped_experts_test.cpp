// The fused expert function against its composed oracle, and the work-sharing loop.
#include "moe/grouped_experts.hpp"

#include "core/tensor/dtype_map.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/finite_differences.hpp"
#include "tests/support/tiny_model.hpp"

#include <ATen/Parallel.h>
#include <torch/csrc/autograd/profiler_legacy.h>

#include <array>
#include <functional>
#include <limits>
#include <set>
#include <string_view>

using namespace sluice;
using namespace sluice::moe;

namespace {

at::Tensor normal(std::vector<std::int64_t> shape, const char* name, at::ScalarType type) {
  at::Tensor t = at::empty(shape, at::TensorOptions().dtype(type == at::kBFloat16 ? at::kFloat : type));
  recipes::fill_normal(t.dim() == 3 ? t.view({-1, t.size(2)}) : t, 7, name, 0.5);
  return t.to(type);
}

struct Result {
  at::Tensor y, dx, dw, d_gate_up, d_down;
};

Result run(GroupedExperts& experts, const std::vector<std::int64_t>& counts, at::ScalarType type, bool fused) {
  std::int64_t rows = 0;
  for (const std::int64_t c : counts) rows += c;
  at::Tensor x = normal({rows, 16}, "x", type).set_requires_grad(true);
  at::Tensor w = normal({rows}, "w", type == at::kBFloat16 ? at::kFloat : type).set_requires_grad(true);
  std::vector<Parameter*> all;
  experts.collect(all);
  ParameterSet parameters(all);
  const parallel::ExpertChunk chunk{x, w, at::tensor(counts, at::kLong)};
  at::Tensor y = fused ? experts.forward(chunk) : experts.forward_composed(chunk);
  (y.to(w.scalar_type()) * normal({rows, 16}, "dy", w.scalar_type())).sum().backward();
  parameters.close_gradients();
  return {y.detach(), x.grad(), w.grad(), experts.gate_up.gradient.sum().clone(), experts.down.gradient.sum().clone()};
}

double difference(const at::Tensor& a, const at::Tensor& b) {
  if (a.numel() == 0) return 0.0;
  return ((a - b).abs().max() / (b.abs().max() + 1e-30)).item<double>();
}

// Products of bfloat16 models are native ones while it lives.
struct NativeProducts {
  const bool before = native_bfloat16(at::kCPU);
  NativeProducts() { set_native_bfloat16(true); }
  ~NativeProducts() { set_native_bfloat16(before); }
};

// The shapes (rows, inner, columns) of all products that work() makes on this thread, the only one.
using Shapes = std::set<std::array<std::int64_t, 3>>;
Shapes shapes_of_products(const std::function<void()>& work) {
  namespace profiler = torch::autograd::profiler;
  const int threads = at::get_num_threads();
  at::set_num_threads(1);
  profiler::enableProfilerLegacy(profiler::ProfilerConfig(profiler::ProfilerState::CPU, true));
  work();
  const profiler::thread_event_lists events = profiler::disableProfilerLegacy();
  at::set_num_threads(threads);
  Shapes shapes;
  for (const auto& list : events) {
    for (const auto& event : list) {
      if (event.kindStr() != "push" || std::string_view(event.name()) != "aten::mm") continue;
      const auto inputs = event.shapes();
      shapes.insert({inputs[0][0], inputs[0][1], inputs[1][1]});
    }
  }
  return shapes;
}

// Experts of width F over rows of width 16 whose weights are numbers of bfloat16.
MoeConfig of_width(std::int64_t width) {
  MoeConfig config;
  config.expert_hidden_size = width;
  return config;
}

GroupedExperts experts_of(std::int64_t count, std::int64_t width, at::ScalarType type) {
  GroupedExperts experts(of_width(width), 16, "layers.0", 0, count, type);
  experts.gate_up.value.copy_(normal({count, 2 * width, 16}, "gate_up", at::kBFloat16));
  experts.down.value.copy_(normal({count, 16, width}, "down", at::kBFloat16));
  experts.gate_up.refresh_compute(type);
  experts.down.refresh_compute(type);
  return experts;
}

}  // namespace

// w * down(silu(gate(x)) * up(x)), an expert after the other, in LibTorch's operators alone.
at::Tensor plain_experts(const GroupedExperts& experts, const std::vector<std::int64_t>& counts, at::ScalarType type) {
  std::vector<at::Tensor> parts;
  std::int64_t begin = 0, rows = 0;
  for (const std::int64_t count : counts) rows += count;
  const at::ScalarType product = experts.down.compute.scalar_type();
  const at::Tensor x = normal({rows, 16}, "x", type).to(product), w = normal({rows}, "w", at::kDouble);
  for (std::size_t e = 0; e < counts.size(); begin += counts[e++]) {
    const auto index = static_cast<std::int64_t>(e);
    const auto gate_up = at::mm(x.narrow(0, begin, counts[e]), experts.gate_up.compute.select(0, index).t()).chunk(2, 1);
    const at::Tensor h = at::silu(gate_up[0]) * gate_up[1];
    parts.push_back(at::mm(h, experts.down.compute.select(0, index).t()).to(at::kDouble) * w.narrow(0, begin, counts[e]).unsqueeze(1));
  }
  return at::cat(parts, 0);
}

TEST_CASE("fused experts equal the composed ones to the last bit, uneven and empty groups included") {
  for (const auto& [type, tolerance] : {std::pair{at::kDouble, 1e-13}, {at::kFloat, 2e-5}, {at::kBFloat16, 3e-2}}) {
    GroupedExperts experts(of_width(12), 16, "layers.0", 4, 4, type);
    experts.gate_up.value.copy_(normal({4, 24, 16}, "gate_up", experts.gate_up.value.scalar_type()));
    experts.down.value.copy_(normal({4, 16, 12}, "down", experts.gate_up.value.scalar_type()));
    experts.gate_up.refresh_compute(type);
    experts.down.refresh_compute(type);
    for (const std::vector<std::int64_t>& counts : {std::vector<std::int64_t>{5, 0, 9, 1}, {40, 1, 1, 1}, {0, 0, 0, 0}, {0, 3, 0, 0}}) {
      const Result fused = run(experts, counts, type, true), composed = run(experts, counts, type, false);
      CHECK(difference(fused.y.to(at::kDouble), plain_experts(experts, counts, type)) <= tolerance);
      CHECK(at::equal(fused.y, composed.y));
      CHECK(at::equal(fused.dx, composed.dx));
      CHECK(at::equal(fused.dw, composed.dw));
      CHECK(at::equal(fused.d_gate_up, composed.d_gate_up));
      CHECK(at::equal(fused.d_down, composed.d_down));
    }
  }
}

TEST_CASE("native bfloat16 products with zero rows below a group's equal float64 ones without") {
  const NativeProducts native;
  GroupedExperts rounded = experts_of(4, 12, at::kBFloat16), exact = experts_of(4, 12, at::kDouble);
  // On the grid, beside it, and a group that all threads share.
  for (const std::vector<std::int64_t>& counts : {std::vector<std::int64_t>{5, 0, 33, 1}, {16, 130, 1, 48}, {15, 17, 31, 300}}) {
    const Result oracle = run(exact, counts, at::kDouble, true);
    for (const bool fused : {true, false}) {
      const Result result = run(rounded, counts, at::kBFloat16, fused);
      CHECK(difference(result.y.to(at::kDouble), oracle.y) <= 3e-2);
      CHECK(difference(result.dx.to(at::kDouble), oracle.dx) <= 3e-2);
      CHECK(difference(result.dw.to(at::kDouble), oracle.dw) <= 3e-2);
      CHECK(difference(result.d_gate_up.to(at::kDouble), oracle.d_gate_up) <= 2e-2);
      CHECK(difference(result.d_down.to(at::kDouble), oracle.d_down) <= 2e-2);
    }
  }
}

TEST_CASE("rows below a group's are its own zeros, not its neighbour's rows") {
  const NativeProducts native;
  for (const bool fused : {true, false}) {
    GroupedExperts experts = experts_of(3, 12, at::kBFloat16);
    std::vector<Parameter*> all;
    experts.collect(all);
    ParameterSet parameters(all);
    at::Tensor x = normal({40, 16}, "x", at::kBFloat16);
    x.narrow(0, 10, 20).fill_(std::numeric_limits<float>::quiet_NaN());  // the rows of the expert in the middle
    x.set_requires_grad(true);
    const at::Tensor w = at::ones({40}, at::kFloat);
    const at::Tensor counts = at::tensor({10, 20, 10}, at::kLong);
    const at::Tensor y = fused ? experts.forward({x, w, counts}) : experts.forward_composed({x, w, counts});
    y.sum().backward();
    for (const at::Tensor& rows : {y, x.grad()}) {
      CHECK(rows.narrow(0, 0, 10).isfinite().all().item<bool>());
      CHECK(rows.narrow(0, 30, 10).isfinite().all().item<bool>());
    }
    for (const Parameter* p : all)
      for (const std::int64_t e : {0, 2}) CHECK(p->gradient.sum().select(0, e).isfinite().all().item<bool>());
  }
}

TEST_CASE("native bfloat16 products come in few shapes, however many rows experts get") {
  const NativeProducts native;
  const auto shapes_of = [](at::ScalarType type, std::uint64_t first_step, std::uint64_t last_step) {
    GroupedExperts experts = experts_of(8, 12, type);
    return shapes_of_products([&] {
      for (std::uint64_t step = first_step; step < last_step; ++step) {
        std::vector<std::int64_t> counts;
        for (std::uint64_t e = 0; e < 8; ++e)
          counts.push_back(static_cast<std::int64_t>(random_uniform(random_key(4, "counts"), 8 * step + e) * 128));
        for (const bool fused : {true, false}) run(experts, counts, type, fused);
      }
    });
  };
  // Eight row counts up to 128 in six products, two forward and four backward; 16 x 16 x 12 is a shape of two of them.
  const Shapes first = shapes_of(at::kBFloat16, 0, 10), later = shapes_of(at::kBFloat16, 10, 20);
  CHECK(first.size() == 8 * 6 - 1);
  CHECK((later == first));
  CHECK(shapes_of(at::kFloat, 0, 10).size() > 4 * first.size());  // as they come
}

TEST_CASE("gradients of grouped_linear, with and without numerics, an empty group included") {
  const auto bend = [](const at::Tensor& w) { return at::tanh(w) * 1.5; };
  const auto square = [](const at::Tensor& rows) { return rows * rows; };
  const std::vector<std::int64_t> counts = {2, 0, 3};
  for (const Numerics& numerics : {Numerics{}, Numerics{bend, nullptr}, Numerics{bend, square}}) {
    INFO("weight transform " << static_cast<bool>(numerics.weight) << ", input transform " << static_cast<bool>(numerics.input));
    Parameter weight = Parameter::make("w", {3, 4, 2}, at::kDouble);
    weight.value.copy_(normal({3, 4, 2}, "w", at::kDouble));
    ParameterSet parameters({&weight});
    at::Tensor rows = normal({5, 2}, "rows", at::kDouble).set_requires_grad(true);
    const at::Tensor dy = normal({5, 4}, "dy", at::kDouble);
    const auto loss = [&] { return (grouped_linear(rows, weight, at::tensor(counts, at::kLong), numerics) * dy).sum(); };
    const auto value = [&] {
      at::NoGradGuard no_grad;
      return loss().item<double>();
    };
    loss().backward();
    CHECK(testing::gradient_error(weight.value, weight.gradient.sum(), value) <= 1e-7);
    CHECK(testing::gradient_error(rows, rows.grad(), value) <= 1e-7);
    CHECK(weight.gradient.sum().select(0, 1).abs().max().item<double>() == 0.0);
  }
}

TEST_CASE("experts with filled numerics slots: the composed form, differentiated through the transforms") {
  const auto bend = [](const at::Tensor& w) { return at::tanh(w) * 1.5; };
  GroupedExperts experts(of_width(4), 3, "layers.0", 0, 2, at::kDouble);
  experts.gate_up.value.copy_(normal({2, 8, 3}, "gate_up", at::kDouble));
  experts.down.value.copy_(normal({2, 3, 4}, "down", at::kDouble));
  experts.gate_up_numerics.weight = bend;
  experts.down_numerics.weight = bend;
  std::vector<Parameter*> all;
  experts.collect(all);
  ParameterSet parameters(all);
  const at::Tensor x = normal({5, 3}, "x", at::kDouble), dy = normal({5, 3}, "dy", at::kDouble);
  at::Tensor w = normal({5}, "w", at::kDouble).set_requires_grad(true);
  const at::Tensor counts = at::tensor({2, 3}, at::kLong);
  const auto loss = [&] { return (experts.forward({x, w, counts}) * dy).sum(); };
  const auto value = [&] {
    at::NoGradGuard no_grad;
    return loss().item<double>();
  };
  loss().backward();
  CHECK(testing::gradient_error(experts.gate_up.value, experts.gate_up.gradient.sum(), value) <= 1e-7);
  CHECK(testing::gradient_error(experts.down.value, experts.down.gradient.sum(), value) <= 1e-7);
  CHECK(testing::gradient_error(w, w.grad(), value) <= 1e-7);
}

TEST_CASE("leaves carry global expert ids") {
  GroupedExperts experts(of_width(12), 16, "layers.0", 4, 2, at::kFloat);
  CHECK(experts.gate_up.leaves[0].name == "model.layers.0.mlp.experts.4.gate_proj.weight");
  CHECK(experts.gate_up.leaves[3].name == "model.layers.0.mlp.experts.5.up_proj.weight");
  CHECK(experts.down.leaves[1].name == "model.layers.0.mlp.experts.5.down_proj.weight");
}
