// Both forms of core/ops/rms_norm.
#include "core/ops/rms_norm.hpp"

#include "tests/core/ops/forms.hpp"

using namespace sluice;
using namespace sluice::testing;

namespace {

constexpr double kEps = 1e-6;

Tensors norm(const Tensors& in) {
  const ops::RmsNorm result = ops::rms_norm(in[0], in[1], kEps);
  return {result.y, result.inverse_rms};
}

Tensors add_norm(const Tensors& in) {
  const ops::AddRmsNorm result = ops::add_rms_norm(in[0], in[1], in[2], kEps);
  return {result.sum, result.y, result.inverse_rms};
}

Tensors backward(const Tensors& in) {
  const ops::RmsNormGradients result = ops::rms_norm_backward(in[0], in[1], in[2], in[3]);
  return {result.dx, result.dweight};
}

}  // namespace

TEST_CASE("rms_norm: kernels and composed forms agree") {
  for_each_type([](at::ScalarType type, at::ScalarType accumulate) {
    for (const std::int64_t rows : {0, 1, 3, 700}) {
      for (const std::int64_t width : {2, 7, 32, 37, 300}) {
        INFO("rows " << rows << " width " << width);
        const at::Tensor x = normal({rows, width}, type, "x"), weight = normal({width}, accumulate, "weight");
        check_forms(norm, {x, weight});
        check_forms(add_norm, {x, normal({rows, width}, type, "residual"), weight});
        check_forms(backward, {normal({rows, width}, type, "dy"), x, weight, ops::rms_norm(x, weight, kEps).inverse_rms});
      }
    }
    // A NaN makes its row NaN, and no other.
    at::Tensor x = normal({3, 20}, type, "x");
    x[1][4] = kNaN;
    const at::Tensor weight = normal({20}, accumulate, "weight");
    check_forms(norm, {x, weight});
    check_forms(backward, {normal({3, 20}, type, "dy"), x, weight, ops::rms_norm(x, weight, kEps).inverse_rms});
  });
}

TEST_CASE("rms_norm of heads is that of their rows") {
  for (const bool composed : {false, true}) {
    const Composed form(composed);
    const at::Tensor x = normal({5, 4 * 6}, at::kDouble, "x"), weight = normal({6}, at::kDouble, "weight");
    const ops::RmsNorm heads = ops::rms_norm(x, weight, kEps), rows = ops::rms_norm(x.view({20, 6}), weight, kEps);
    CHECK(heads.y.sizes() == x.sizes());
    CHECK(at::equal(heads.y.view({20, 6}), rows.y));
    CHECK(at::equal(heads.inverse_rms, rows.inverse_rms));
    const ops::RmsNormGradients from_heads = ops::rms_norm_backward(x, x, weight, heads.inverse_rms);
    CHECK(from_heads.dx.sizes() == x.sizes());
    CHECK(at::equal(from_heads.dweight, ops::rms_norm_backward(x.view({20, 6}), x.view({20, 6}), weight, rows.inverse_rms).dweight));
  }
}
