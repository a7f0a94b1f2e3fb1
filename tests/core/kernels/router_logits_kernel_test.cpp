#include "core/kernels/router_logits.hpp"
#include "tests/core/kernels/kernel_testing.hpp"

using namespace sluice::kernels;
using namespace sluice::kernels::testing;

namespace {

template <class T>
std::vector<AccumulateOf<T>> logits_of(const std::vector<T>& x, const std::vector<AccumulateOf<T>>& w, std::int64_t N, std::int64_t E,
                                       std::int64_t D) {
  std::vector<AccumulateOf<T>> out(N * E);
  router_logits(x.data(), w.data(), N, E, D, out.data());
  return out;
}

template <class T>
void compare_with_reference(std::int64_t N, std::int64_t E, std::int64_t D) {
  using A = AccumulateOf<T>;
  INFO("N " << N << " E " << E << " D " << D << " element size " << sizeof(T));
  const auto x = random_values<T>(N * D, "x");
  const auto w = random_values<A>(E * D, "w");
  std::vector<A> expected(N * E);
  reference::router_logits(x.data(), w.data(), N, E, D, expected.data());
  check_close(logits_of<T>(x, w, N, E, D), expected, kTolerance<A>, 3 * std::sqrt(static_cast<double>(D)));
}

// All E rows of w equal: all logits of a token must be bit-equal, and equal to those of any other N and E.
template <class T>
void check_equal_rows(std::int64_t D) {
  using A = AccumulateOf<T>;
  INFO("D " << D << " element size " << sizeof(T));
  const std::int64_t N = 9, E = 11;
  const auto x = random_values<T>(N * D, "x");
  const auto row = random_values<A>(D, "row");
  std::vector<A> w;
  for (std::int64_t e = 0; e < E; ++e) append(w, row);
  const auto full = logits_of<T>(x, w, N, E, D);
  for (std::int64_t n = 0; n < N; ++n) {
    const std::vector<T> token(x.begin() + n * D, x.begin() + (n + 1) * D);
    const A alone = logits_of<T>(token, row, 1, 1, D)[0];
    int different = 0;
    for (std::int64_t e = 0; e < E; ++e) different += std::memcmp(&full[n * E + e], &alone, sizeof alone) != 0;
    CHECK(different == 0);
  }
  for (std::int64_t tokens = 1; tokens <= N; ++tokens) {
    for (std::int64_t experts = 1; experts <= E; ++experts) {
      const auto part = logits_of<T>(x, w, tokens, experts, D);
      int different = 0;
      for (std::int64_t n = 0; n < tokens; ++n)
        for (std::int64_t e = 0; e < experts; ++e) different += std::memcmp(&part[n * experts + e], &full[n * E], sizeof(A)) != 0;
      CHECK(different == 0);
    }
  }
}

}  // namespace

TEST_CASE("router_logits equals its reference") {
  for_each_instruction_set([] {
    for (const std::int64_t N : {0, 1, 3, 130}) {
      for (const std::int64_t E : {1, 2, 5, 16}) {
        for (const std::int64_t D : {1, 7, 16, 33, 256, 500}) {
          compare_with_reference<float>(N, E, D);
          compare_with_reference<double>(N, E, D);
          compare_with_reference<BFloat16>(N, E, D);
        }
      }
    }
  });
}

TEST_CASE("equal router rows give bit-equal logits, whatever N and E") {
  for_each_instruction_set([] {
    for (const std::int64_t D : {5, 32, 123, 256}) {
      check_equal_rows<float>(D);
      check_equal_rows<double>(D);
      check_equal_rows<BFloat16>(D);
    }
  });
}

TEST_CASE("router_logits does not depend on threads") {
  const std::int64_t N = 1001, E = 7, D = 70;
  const auto x = random_values<float>(N * D, "x"), w = random_values<float>(E * D, "w");
  check_threads_do_not_matter([&] { return logits_of<float>(x, w, N, E, D); });
}
