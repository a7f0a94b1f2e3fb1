#include <numeric>

#include "core/base/error.hpp"
#include "core/kernels/rope.hpp"
#include "tests/core/kernels/kernel_testing.hpp"

using namespace sluice::kernels;
using namespace sluice::kernels::testing;

namespace {

template <class A>
struct Tables {
  std::vector<A> cos, sin;
  Tables(std::int64_t head_dim, std::int64_t positions) : cos(positions * head_dim / 2), sin(cos.size()) {
    rope_tables(10000.0, head_dim, positions, cos.data(), sin.data());
  }
};

template <class T>
void compare_with_reference(std::int64_t rows, std::int64_t heads, std::int64_t head_dim, std::int64_t row_stride) {
  INFO("rows " << rows << " heads " << heads << " head_dim " << head_dim << " stride " << row_stride << " element size " << sizeof(T));
  const Tables<AccumulateOf<T>> tables(head_dim, 50);
  std::vector<std::int64_t> position(rows);
  for (std::int64_t i = 0; i < rows; ++i) position[i] = (i * 7) % 50;
  const auto original = random_values<T>(rows * row_stride, "x");
  for (const bool inverse : {false, true}) {
    auto x = original, expected = original;
    rope_rotate(x.data(), tables.cos.data(), tables.sin.data(), position.data(), rows, heads, head_dim, row_stride, inverse);
    reference::rope_rotate(expected.data(), tables.cos.data(), tables.sin.data(), position.data(), rows, heads, head_dim, row_stride,
                           inverse);
    check_close(x, expected, kTolerance<T>, 0.1);
    bool outside_untouched = true;
    for (std::int64_t r = 0; r < rows; ++r)
      for (std::int64_t i = heads * head_dim; i < row_stride; ++i)
        outside_untouched = outside_untouched && widen(x[r * row_stride + i]) == widen(original[r * row_stride + i]);
    CHECK(outside_untouched);
  }
}

}  // namespace

TEST_CASE("rope equals its reference") {
  for_each_instruction_set([] {
    for (const std::int64_t rows : {0, 1, 3, 301}) {
      for (const std::int64_t head_dim : {2, 6, 16, 32, 64, 80, 128}) {
        for (const std::int64_t extra : {0, 13}) {
          compare_with_reference<float>(rows, 3, head_dim, 3 * head_dim + extra);
          compare_with_reference<double>(rows, 3, head_dim, 3 * head_dim + extra);
          compare_with_reference<BFloat16>(rows, 3, head_dim, 3 * head_dim + extra);
        }
      }
    }
  });
}

TEST_CASE("rope tables hold cos and sin of position times theta^(-2j/head_dim)") {
  const std::int64_t head_dim = 10;
  const Tables<double> tables(head_dim, 2000);
  CHECK(tables.cos[0] == 1.0);
  CHECK(tables.sin[0] == 0.0);
  for (const std::int64_t p : {1, 17, 1999}) {
    for (std::int64_t j = 0; j < 5; ++j) {
      const double angle = p / std::pow(10000.0, 2.0 * j / 10);
      CHECK(tables.cos[p * 5 + j] == Approx(std::cos(angle)).margin(1e-11));
      CHECK(tables.sin[p * 5 + j] == Approx(std::sin(angle)).margin(1e-11));
    }
  }
  std::vector<float> table(8);
  CHECK_THROWS_AS(rope_tables(10000.0, 3, 2, table.data(), table.data()), sluice::Error);
}

TEST_CASE("rope pairs j with j + head_dim/2 and keeps dot products of equal distance") {
  const Tables<double> tables(4, 10);
  std::vector<double> x = {1, 0, 0, 0};  // pair (0, 2)
  const std::int64_t position = 3;
  rope_rotate(x.data(), tables.cos.data(), tables.sin.data(), &position, 1, 1, 4, 4, false);
  CHECK(x[0] == Approx(std::cos(3.0)));
  CHECK(x[2] == Approx(std::sin(3.0)));
  CHECK(x[1] == 0.0);
  CHECK(x[3] == 0.0);

  const auto score = [&](std::int64_t at_q, std::int64_t at_k) {
    auto q = random_values<double>(4, "q"), k = random_values<double>(4, "k");
    rope_rotate(q.data(), tables.cos.data(), tables.sin.data(), &at_q, 1, 1, 4, 4, false);
    rope_rotate(k.data(), tables.cos.data(), tables.sin.data(), &at_k, 1, 1, 4, 4, false);
    return dot(q, k);
  };
  CHECK(score(7, 5) == Approx(score(3, 1)).epsilon(1e-12));
  CHECK(std::abs(score(7, 5) - score(7, 1)) > 1e-3);
}

TEST_CASE("rope inverse is the backward pass and undoes the rotation") {
  const std::int64_t rows = 4, heads = 2, head_dim = 6, stride = 12;
  const Tables<double> tables(head_dim, 9);
  const std::vector<std::int64_t> position = {0, 8, 3, 3};
  auto x = random_values<double>(rows * stride, "x");
  const auto dy = random_values<double>(rows * stride, "dy");
  const auto rotate = [&](std::vector<double> v, bool inverse) {
    rope_rotate(v.data(), tables.cos.data(), tables.sin.data(), position.data(), rows, heads, head_dim, stride, inverse);
    return v;
  };
  check_close(rotate(rotate(x, false), true), x, 1e-14);
  check_close(rotate(dy, true), finite_differences(x, [&] { return dot(rotate(x, false), dy); }), 1e-8);
}

TEST_CASE("rope does not depend on threads") {
  const std::int64_t rows = 1000, heads = 3, head_dim = 20;
  const Tables<float> tables(head_dim, rows);
  std::vector<std::int64_t> position(rows);
  std::iota(position.begin(), position.end(), 0);
  check_threads_do_not_matter([&] {
    const Tables<float> again(head_dim, rows);
    auto x = random_values<float>(rows * heads * head_dim, "x");
    rope_rotate(x.data(), again.cos.data(), again.sin.data(), position.data(), rows, heads, head_dim, heads * head_dim, false);
    append(x, again.cos);
    append(x, again.sin);
    return x;
  });
}
