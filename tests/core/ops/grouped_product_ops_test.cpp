// Both forms of core/ops/grouped_product, and the loop over groups.
#include "core/ops/grouped_product.hpp"

#include "tests/core/ops/forms.hpp"

#include <ATen/Parallel.h>

#include <atomic>
#include <tuple>

using namespace sluice;
using namespace sluice::testing;

namespace {

const std::vector<std::vector<std::int64_t>> kCounts = {{3, 0, 9, 1}, {0, 0, 0, 0}, {40, 1, 1, 1}, {0, 17, 0, 0}};

std::int64_t rows_of(const std::vector<std::int64_t>& counts) {
  std::int64_t rows = 0;
  for (const std::int64_t count : counts) rows += count;
  return rows;
}

}  // namespace

TEST_CASE("grouped products: kernels and composed forms agree, with empty groups and rows of none behind them") {
  for (const at::ScalarType type : {at::kDouble, at::kFloat, at::kBFloat16}) {
    for (const std::vector<std::int64_t>& counts : kCounts) {
      for (const auto& [strangers, in, out] : {std::tuple{0, 5, 6}, {2, 5, 6}, {0, 8, 16}, {2, 8, 16}}) {
        INFO(at::toString(type) << ", " << rows_of(counts) << " rows and " << strangers << ", " << in << " to " << out);
        const std::int64_t rows = rows_of(counts) + strangers;
        const at::Tensor weight = normal({4, out, in}, type, "weight"), groups = at::tensor(counts, at::kLong);
        const Poisoned poisoned;
        check_forms([](const Tensors& in) { return Tensors{ops::grouped_product(in[0], in[1], in[2])}; },
                    {normal({rows, in}, type, "rows"), weight, groups});
        check_forms([](const Tensors& in) { return Tensors{ops::grouped_product_backward(in[0], in[1], in[2])}; },
                    {normal({rows, out}, type, "dy"), weight, groups});
        const at::ScalarType sum_type = type == at::kDouble ? at::kDouble : at::kFloat;
        for (const double beta : {0.0, 1.0}) {
          const auto gradient = [&](const Tensors& in) {
            ops::grouped_weight_gradient(in[0], in[1], in[2], type, in[3], beta);
            return Tensors{in[3]};
          };
          const at::Tensor before = beta == 0.0 ? at::full({4, out, in}, 1e30, sum_type) : normal({4, out, in}, sum_type, "before");
          check_forms(gradient, {normal({rows, out}, type, "dy"), normal({rows, in}, type, "rows"), groups, before});
        }
      }
    }
  }
}

TEST_CASE("for_each_group visits every group with rows once, whatever the threads") {
  const int before = at::get_num_threads();
  for (const int threads : {1, 2, 3}) {
    at::set_num_threads(threads);
    for (const std::vector<std::int64_t>& counts : {std::vector<std::int64_t>{3, 0, 100, 2}, {7, 7, 7, 7, 7}, {0, 0}}) {
      std::vector<std::atomic<int>> seen(counts.size());
      ops::for_each_group(counts, [&](std::int64_t group, std::int64_t begin, std::int64_t rows) {
        std::int64_t expected = 0;
        for (std::int64_t e = 0; e < group; ++e) expected += counts[static_cast<std::size_t>(e)];
        if (begin == expected && rows == counts[static_cast<std::size_t>(group)]) ++seen[static_cast<std::size_t>(group)];
      });
      for (std::size_t e = 0; e < counts.size(); ++e) CHECK(seen[e] == (counts[e] > 0 ? 1 : 0));
    }
  }
  at::set_num_threads(before);
}
