// Both forms of core/ops/rope.
#include "core/ops/rope.hpp"

#include "core/base/error.hpp"
#include "tests/core/ops/forms.hpp"

using namespace sluice;
using namespace sluice::testing;

TEST_CASE("rope: kernels and composed forms agree") {
  for_each_type([](at::ScalarType type, at::ScalarType accumulate) {
    for (const std::int64_t rows : {0, 1, 5, 300}) {
      for (const std::int64_t head_dim : {2, 6, 16, 64, 128}) {
        for (const bool inverse : {false, true}) {
          INFO("rows " << rows << " head_dim " << head_dim << " inverse " << inverse);
          const ops::RopeTables tables = ops::rope_tables(10000.0, head_dim, 40, accumulate);
          const auto rotate = [inverse](const Tensors& in) -> Tensors {
            ops::rope_rotate(in[0], in[1], in[2], in[3], inverse);
            return {in[0]};
          };
          check_forms(rotate, {normal({rows, 3 * head_dim}, type, "x"), tables.cos, tables.sin, integers({rows}, 0, 40, "positions")});
        }
      }
    }
  });
}

TEST_CASE("rope tables: kernels and composed forms agree, on any device") {
  const Composed off(false);
  for (const at::ScalarType type : {at::kFloat, at::kDouble}) {
    for (const std::int64_t positions : {0, 1, 100}) {
      const ops::RopeTables kernels = ops::rope_tables(10000.0, 10, positions, type);
      const ops::RopeTables meta = ops::rope_tables(10000.0, 10, positions, at::TensorOptions(type).device(at::kMeta));
      CHECK(meta.sin.is_meta());
      CHECK(meta.cos.sizes() == kernels.cos.sizes());
      const Composed on;
      const ops::RopeTables composed = ops::rope_tables(10000.0, 10, positions, type);
      check_close(kernels.cos, composed.cos);
      check_close(kernels.sin, composed.sin);
      const auto tables = [&](const Tensors& in) -> Tensors {
        const ops::RopeTables made = ops::rope_tables(10000.0, 10, positions, in[0].options());
        return {made.cos, made.sin};
      };
      for (const Tensors& form : results_on_devices(tables, {at::zeros({1}, type)})) {
        check_close(form[0], composed.cos);
        check_close(form[1], composed.sin);
      }
    }
  }
  CHECK_THROWS_AS(ops::rope_tables(10000.0, 5, 3, at::kFloat), Error);
  CHECK_THROWS_AS(ops::rope_tables(10000.0, 4, 3, at::kBFloat16), c10::Error);
}
