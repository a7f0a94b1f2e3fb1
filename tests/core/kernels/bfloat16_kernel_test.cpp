#include <limits>

#include "core/kernels/rms_norm.hpp"
#include "tests/core/kernels/kernel_testing.hpp"

using namespace sluice::kernels;
using namespace sluice::kernels::testing;

namespace {

float from_bits(std::uint32_t bits) {
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

BFloat16 stored(std::uint32_t bits) { return {static_cast<std::uint16_t>(bits)}; }

// x + residual as the vectorised kernels load, add and store bfloat16: the sums that add_rms_norm_forward() writes.
std::vector<BFloat16> vector_sums(const std::vector<BFloat16>& x, const std::vector<BFloat16>& residual) {
  const std::int64_t n = static_cast<std::int64_t>(x.size());
  const std::vector<float> weight(x.size(), 1.0f);
  std::vector<BFloat16> sum(x.size()), y(x.size());
  float inverse_rms;
  add_rms_norm_forward(x.data(), residual.data(), weight.data(), 1, n, 1e-6, sum.data(), y.data(), &inverse_rms);
  return sum;
}

}  // namespace

TEST_CASE("bfloat16 rounds to nearest, ties to even") {
  CHECK(to_bfloat16(1.0f).bits == 0x3f80);
  CHECK(to_bfloat16(-2.0f).bits == 0xc000);
  CHECK(to_bfloat16(from_bits(0x3f808000)).bits == 0x3f80);  // tie, to even below
  CHECK(to_bfloat16(from_bits(0x3f818000)).bits == 0x3f82);  // tie, to even above
  CHECK(to_bfloat16(from_bits(0x3f808001)).bits == 0x3f81);
  CHECK(to_bfloat16(from_bits(0x3f807fff)).bits == 0x3f80);
  CHECK(to_bfloat16(std::numeric_limits<float>::max()).bits == 0x7f80);  // rounds up to infinity
  CHECK(to_bfloat16(-std::numeric_limits<float>::infinity()).bits == 0xff80);
  CHECK(to_bfloat16(from_bits(0x00000001)).bits == 0);
  CHECK(std::isnan(to_float(to_bfloat16(from_bits(0x7f800001)))));  // truncation alone would give infinity
  CHECK(std::isnan(to_float(to_bfloat16(from_bits(0xffffffff)))));
}

TEST_CASE("every bfloat16 survives the way to float and back") {
  std::vector<BFloat16> all(65536);
  for (std::uint32_t i = 0; i < 65536; ++i) all[i] = stored(i);
  const std::vector<BFloat16> minus_zeros(65536, stored(0x8000));  // x + -0 is x, also for x = -0
  const auto survives = [](std::uint32_t i, BFloat16 back) {
    const bool nan = (i & 0x7fff) > 0x7f80;
    return back.bits == (nan ? (i | 0x40) : i);
  };
  int wrong = 0;
  for (std::uint32_t i = 0; i < 65536; ++i) wrong += !survives(i, to_bfloat16(to_float(all[i])));
  CHECK(wrong == 0);
  for_each_instruction_set([&] {
    const auto back = vector_sums(all, minus_zeros);
    int wrong_here = 0;
    for (std::uint32_t i = 0; i < 65536; ++i) wrong_here += !survives(i, back[i]);
    CHECK(wrong_here == 0);
  });
}

TEST_CASE("vectorised conversion equals the scalar one") {
  for_each_instruction_set([] {
    for (const std::int64_t n : {1, 3, 15, 16, 17, 100003}) {
      auto x = random_values<BFloat16>(n, "x", 100), residual = random_values<BFloat16>(n, "residual");
      std::vector<BFloat16> expected(n);
      for (std::int64_t i = 0; i < n; ++i) {
        const auto random = sluice::philox(5, static_cast<std::uint64_t>(i), 0)[0];
        const bool finite = (random & 0x7f80u) != 0x7f80u;
        if (i % 3 == 1 && finite) residual[i] = stored(random);                                                // any bits
        if (i % 7 == 2 && (x[i].bits & 0x7f80) > 0x400) residual[i] = stored((x[i].bits & 0xff80u) - 0x400u);  // half a unit of x: a tie
        if (i % 97 == 5) x[i] = stored(0x7f80u | (random & 0x7fu));                                            // infinities and NaN
        expected[i] = to_bfloat16(to_float(x[i]) + to_float(residual[i]));
      }
      CHECK(same_bits(vector_sums(x, residual), expected));
    }
  });
}
