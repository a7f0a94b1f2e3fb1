#include "core/base/error.hpp"
#include "core/kernels/row_plan.hpp"
#include "core/kernels/rows.hpp"
#include "tests/core/kernels/kernel_testing.hpp"

using namespace sluice::kernels;
using namespace sluice::kernels::testing;

namespace {

std::vector<std::int64_t> random_indices(std::int64_t n, std::int64_t bound, bool with_negative, std::uint64_t key) {
  std::vector<std::int64_t> indices(n);
  for (std::int64_t i = 0; i < n; ++i) {
    const auto random = sluice::philox(key, static_cast<std::uint64_t>(i), 0);
    indices[i] = with_negative && random[1] % 7 == 0 ? -1 : static_cast<std::int64_t>(random[0] % bound);
  }
  return indices;
}

template <class T>
void compare_with_reference(std::int64_t N, std::int64_t K, std::int64_t width) {
  using A = AccumulateOf<T>;
  INFO("N " << N << " K " << K << " width " << width << " element size " << sizeof(T));
  const std::int64_t sources = 50;
  const auto x = random_values<T>(sources * width, "x");
  const auto index = random_indices(N * K, sources, true, 1);
  std::vector<T> rows(N * K * width), rows_expected(N * K * width);
  gather_rows(x.data(), index.data(), N * K, width, rows.data());
  reference::gather_rows(x.data(), index.data(), N * K, width, rows_expected.data());
  CHECK(same_bits(rows, rows_expected));

  std::vector<T> y(N * width), y_expected(N * width);
  combine_rows(x.data(), index.data(), N, K, width, y.data());
  reference::combine_rows(x.data(), index.data(), N, K, width, y_expected.data());
  CHECK(same_bits(y, y_expected));  // the same additions in the same order: no tolerance

  const auto ids = random_indices(N, sources, false, 2);
  const auto dy = random_values<T>(N * width, "dy");
  auto dweight = random_values<A>(sources * width, "dweight");
  auto dweight_expected = dweight;
  embedding_backward(dy.data(), ids.data(), N, width, sources, dweight.data());
  reference::embedding_backward(dy.data(), ids.data(), N, width, sources, dweight_expected.data());
  CHECK(same_bits(dweight, dweight_expected));
}

}  // namespace

TEST_CASE("gather, combine and embedding gradients equal their references bit for bit") {
  for_each_instruction_set([] {
    for (const std::int64_t N : {0, 1, 3, 400}) {
      for (const std::int64_t K : {1, 2, 3}) {
        for (const std::int64_t width : {1, 9, 16, 31, 64, 150}) {
          compare_with_reference<float>(N, K, width);
          compare_with_reference<double>(N, K, width);
          compare_with_reference<BFloat16>(N, K, width);
        }
      }
    }
  });
}

TEST_CASE("a plan brings rows to experts and back") {
  const std::int64_t N = 3, K = 2, E = 4, width = 5;
  const std::vector<std::int64_t> experts = {3, 1, 1, 0, 3, -1};
  std::vector<std::int64_t> counts(E), order(N * K), slot(N * K);
  const std::int64_t total = expert_slots(experts.data(), N, K, E, counts.data(), order.data(), slot.data());
  const auto x = random_values<double>(N * width, "x");
  std::vector<std::int64_t> tokens(total);
  for (std::int64_t r = 0; r < total; ++r) tokens[r] = order[r] / K;
  std::vector<double> sorted(total * width), back(N * width);
  gather_rows(x.data(), tokens.data(), total, width, sorted.data());
  combine_rows(sorted.data(), slot.data(), N, K, width, back.data());
  for (std::int64_t i = 0; i < N * width; ++i) CHECK(back[i] == x[i] * (i / width == 2 ? 1 : 2));  // token 2 lost one expert
}

TEST_CASE("embedding_backward refuses an id outside the vocabulary") {
  const std::vector<float> dy(4);
  std::vector<float> dweight(6);
  for (const std::int64_t bad : {-1, 3}) {
    const std::vector<std::int64_t> ids = {0, bad};
    CHECK_THROWS_AS(embedding_backward(dy.data(), ids.data(), 2, 2, 3, dweight.data()), sluice::Error);
  }
  CHECK(dweight == std::vector<float>(6));
}

TEST_CASE("rows do not depend on threads") {
  const std::int64_t N = 700, K = 2, width = 130, V = 20;
  const auto dy = random_values<float>(N * width, "dy");
  const auto ids = random_indices(N, V, false, 3), slots = random_indices(N * K, N, true, 4);
  check_threads_do_not_matter([&] {
    std::vector<float> all(V * width), y(N * width), gathered(N * width);
    embedding_backward(dy.data(), ids.data(), N, width, V, all.data());
    combine_rows(dy.data(), slots.data(), N, K, width, y.data());
    gather_rows(dy.data(), ids.data(), N, width, gathered.data());
    append(all, y);
    append(all, gathered);
    return all;
  });
}
