#include <algorithm>
#include <limits>

#include "core/base/error.hpp"
#include "core/kernels/top_k.hpp"
#include "tests/core/kernels/kernel_testing.hpp"

using namespace sluice::kernels;
using namespace sluice::kernels::testing;

namespace {

template <class A>
std::vector<std::int32_t> choose(const std::vector<A>& scores, const A* bias, std::int64_t N, std::int64_t E, std::int64_t K) {
  std::vector<std::int32_t> experts(N * K, -7);
  top_k(scores.data(), bias, N, E, K, experts.data());
  return experts;
}

template <class A>
void compare_with_reference(std::int64_t N, std::int64_t E, std::int64_t K, bool biased) {
  INFO("N " << N << " E " << E << " K " << K << " biased " << biased);
  auto scores = random_values<A>(N * E, "scores");
  for (std::int64_t i = 0; i < N * E; ++i) {  // many ties, and every special value
    if (i % 2) scores[i] = static_cast<A>(std::round(scores[i] * 2) / 2);
    if (i % 31 == 3) scores[i] = std::numeric_limits<A>::quiet_NaN();
    if (i % 37 == 4) scores[i] = std::numeric_limits<A>::infinity();
    if (i % 29 == 5) scores[i] = -std::numeric_limits<A>::infinity();
    if (i % 23 == 6) scores[i] = A(-0.0);
    if (i % 23 == 7) scores[i] = A(0);
  }
  auto bias = random_values<A>(E, "bias");
  for (auto& b : bias) b = static_cast<A>(std::round(b * 2) / 2);
  const A* given = biased ? bias.data() : nullptr;
  std::vector<std::int32_t> expected(N * K);
  reference::top_k(scores.data(), given, N, E, K, expected.data());
  CHECK(choose(scores, given, N, E, K) == expected);
}

}  // namespace

TEST_CASE("top_k equals its reference") {
  for (const std::int64_t N : {0, 1, 3, 1000}) {
    for (const bool biased : {false, true}) {
      for (const auto& [E, K] : std::vector<std::pair<std::int64_t, std::int64_t>>{{1, 1}, {8, 2}, {8, 8}, {61, 7}, {160, 100}, {5, 0}}) {
        compare_with_reference<float>(N, E, K, biased);
        compare_with_reference<double>(N, E, K, biased);
      }
    }
  }
}

TEST_CASE("top_k takes the lower index of equal scores, with the bias for the choice only") {
  using Chosen = std::vector<std::int32_t>;
  CHECK(choose<float>({1, 1, 1, 1}, nullptr, 1, 4, 2) == Chosen{0, 1});
  CHECK(choose<float>({0, 3, 1, 3}, nullptr, 1, 4, 3) == Chosen{1, 3, 2});
  CHECK(choose<float>({-0.0f, 0.0f, -0.0f}, nullptr, 1, 3, 3) == Chosen{0, 1, 2});
  const std::vector<float> bias = {0, 0, 5, 1};
  CHECK(choose<float>({3, 2, 0, 3}, bias.data(), 1, 4, 3) == Chosen{2, 3, 0});
}

TEST_CASE("top_k treats NaN as lowest") {
  using Chosen = std::vector<std::int32_t>;
  const float nan = std::numeric_limits<float>::quiet_NaN(), infinity = std::numeric_limits<float>::infinity();
  CHECK(choose<float>({nan, -infinity, -1}, nullptr, 1, 3, 3) == Chosen{2, 1, 0});
  CHECK(choose<float>({nan, nan, nan}, nullptr, 1, 3, 2) == Chosen{0, 1});
  CHECK(choose<float>({-nan, infinity, nan}, nullptr, 1, 3, 2) == Chosen{1, 0});
}

TEST_CASE("top_k refuses more experts than there are") {
  const std::vector<float> scores(4);
  std::vector<std::int32_t> experts(5);
  CHECK_THROWS_AS(top_k<float>(scores.data(), nullptr, 1, 4, 5, experts.data()), sluice::Error);
}

template <class A>
void compare_scores(std::int64_t N, std::int64_t E) {
  INFO("N " << N << " E " << E << " element size " << sizeof(A));
  const auto logits = random_values<A>(N * E, "logits", 20);
  std::vector<A> got(N * E), expected(N * E);
  row_sigmoid(logits.data(), N, E, got.data());
  reference::row_sigmoid(logits.data(), N, E, expected.data());
  check_close(got, expected, kTolerance<A>, 1e-12);
  got = logits;
  row_sigmoid(got.data(), N, E, got.data());
  check_close(got, expected, kTolerance<A>, 1e-12);
}

TEST_CASE("row_sigmoid equals its reference") {
  for_each_instruction_set([] {
    for (const std::int64_t N : {0, 1, 3, 257}) {
      for (const std::int64_t E : {1, 2, 8, 16, 29, 128}) {
        compare_scores<float>(N, E);
        compare_scores<double>(N, E);
      }
    }
    const float logits[] = {1e4f, -1e4f, 1e4f, 0.0f};
    float p[4];
    row_sigmoid(logits, 1, 4, p);
    CHECK(p[0] == 1.0f);
    CHECK(p[1] == 0.0f);
    CHECK(p[3] == 0.5f);
  });
}

TEST_CASE("scores and choices do not depend on threads") {
  const std::int64_t N = 3000, E = 24, K = 3;
  const auto logits = random_values<float>(N * E, "logits");
  check_threads_do_not_matter([&] {
    std::vector<float> all(logits.size());
    row_sigmoid(logits.data(), N, E, all.data());
    for (const std::int32_t e : choose<float>(logits, nullptr, N, E, K)) all.push_back(static_cast<float>(e));
    return all;
  });
}

TEST_CASE("equal logits get bit-equal scores, wherever they stand") {
  for_each_instruction_set([] {
    for (const std::int64_t E : {3, 16, 20, 37, 130}) {
      const auto values = random_values<float>(50, "values", 3);
      for (const float value : values) {
        std::vector<float> scores(E, value), other(1, value);
        row_sigmoid(scores.data(), 1, E, scores.data());
        row_sigmoid(other.data(), 1, 1, other.data());
        CHECK(std::count(scores.begin(), scores.end(), other[0]) == E);
      }
    }
  });
}
