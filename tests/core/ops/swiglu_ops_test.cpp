// Both forms of core/ops/swiglu.
#include "core/ops/swiglu.hpp"

#include "tests/core/ops/forms.hpp"

using namespace sluice;
using namespace sluice::testing;

namespace {

Tensors forward(const Tensors& in) { return {ops::swiglu(in[0], in[1])}; }

Tensors backward(const Tensors& in) {
  const ops::SwigluGradients result = ops::swiglu_backward(in[0], in[1], in[2]);
  return {result.d_gate_up, result.d_row_weights};
}

Tensors backward_with_h(const Tensors& in) {
  ops::swiglu_backward_out(in[0], in[1], in[2], in[3], in[4], in[5]);
  return {in[3], in[4], in[5]};
}

}  // namespace

TEST_CASE("swiglu: kernels and composed forms agree") {
  for_each_type([](at::ScalarType type, at::ScalarType accumulate) {
    for (const std::int64_t rows : {0, 1, 3, 500}) {
      for (const std::int64_t width : {1, 7, 16, 33}) {
        for (const bool weighted : {false, true}) {
          INFO("rows " << rows << " width " << width << " weighted " << weighted);
          const at::Tensor gate_up = normal({rows, 2 * width}, type, "gate_up"), dh = normal({rows, width}, type, "dh");
          const at::Tensor weights = weighted ? normal({rows}, accumulate, "weights") : at::Tensor();
          check_forms(forward, {gate_up, weights});
          check_forms(backward, {dh, gate_up, weights});
          const at::Tensor d_weights = weighted ? at::full({rows}, kNaN, accumulate) : at::Tensor();
          const at::Tensor d_gate_up = at::full({rows, 2 * width}, kNaN, type), h = at::full({rows, width}, kNaN, type);
          check_forms(backward_with_h, {dh, gate_up, weights, d_gate_up, d_weights, h});
        }
      }
    }
    // Wider than a device's block.
    const at::Tensor wide = normal({3, 600}, type, "wide"), dwide = normal({3, 300}, type, "dwide"),
                     three = normal({3}, accumulate, "three");
    check_forms(forward, {wide, three});
    check_forms(backward, {dwide, wide, three});
    check_forms(backward, {dwide, wide, at::Tensor()});
    const at::Tensor far = at::tensor({-300.0, 300.0, 0.0, kNaN, 1.0, 2.0, 3.0, 4.0}, at::kDouble).to(type).view({1, 8});
    check_forms(forward, {far, at::Tensor()});
    check_forms(backward, {at::ones({1, 4}, type), far, at::ones({1}, accumulate)});
  });
}

TEST_CASE("swiglu writes no more than the rows it is given") {
  for (const bool composed : {false, true}) {
    const Composed form(composed);
    const at::Tensor gate_up = normal({5, 8}, at::kDouble, "gate_up"), h = at::full({9, 4}, 7.0, at::kDouble);
    ops::swiglu_out(gate_up, at::Tensor(), h.narrow(0, 2, 5));
    CHECK(at::equal(h.narrow(0, 2, 5), ops::swiglu(gate_up, at::Tensor())));
    CHECK(h.narrow(0, 0, 2).eq(7.0).all().item<bool>());
    CHECK(h.narrow(0, 7, 2).eq(7.0).all().item<bool>());
  }
}
