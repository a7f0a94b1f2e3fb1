// What `sluice bench moe` says about memory; its times are nobody's to assert.
#include "launch/engine/moe_bench.hpp"

#include "core/tensor/tensor.hpp"
#include "tests/support/catch.hpp"

using namespace sluice;

TEST_CASE("memory left behind is what is allocated and not freed") {
  at::Tensor before = at::empty({1000}), kept;
  CHECK(bytes_kept_by([] { const at::Tensor gone = at::empty({1000}); }) == 0);
  CHECK(bytes_kept_by([&] {
          const at::Tensor gone = at::empty({500});
          kept = at::empty({300}, at::kDouble);
        }) == 2400);
  // A view owns nothing.
  CHECK(bytes_kept_by([&] { kept = before.view({10, 100}); }) <= 0);
  // What is freed afterwards no longer counts.
  kept = at::Tensor();
  before = at::Tensor();
  CHECK(bytes_kept_by([&] { kept = at::zeros({4}); }) == 16);
}

TEST_CASE("a sparse layer keeps its rows, gate and up, and little else") {
  for (const DType dtype : {DType::kFloat32, DType::kFloat64}) {
    const MoeBenchShape shape{.rows = 256, .hidden_size = 32, .expert_hidden_size = 64, .num_experts = 8, .top_k = 2, .dtype = dtype};
    const MoeBenchResult result = bench_moe(shape, 3, at::kCPU);
    const double element = static_cast<double>(size_of(dtype));
    const double rows_gate_up = element * 2 * (32 + 2 * 64), dense = element * 2 * (2 * 64 + 64);
    CHECK(result.moe_kept_bytes_per_token >= rows_gate_up);
    CHECK(result.moe_kept_bytes_per_token <= 1.5 * rows_gate_up);
    CHECK(result.dense_kept_bytes_per_token >= dense);
    CHECK(result.dense_kept_bytes_per_token <= 1.1 * dense);
    CHECK(result.fullest_expert >= 1.0);
    CHECK(result.fullest_expert <= 8.0);
    CHECK(result.moe_seconds > 0.0);
    CHECK(result.ratio > 0.0);
    CHECK(result.lower_quartile <= result.ratio);
    CHECK(result.ratio <= result.upper_quartile);
  }
}
