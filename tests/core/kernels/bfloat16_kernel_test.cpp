#include <limits>

#include "tests/core/kernels/kernel_testing.hpp"

using namespace sluice::kernels;
using namespace sluice::kernels::testing;

namespace {

float from_bits(std::uint32_t bits) {
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
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
  std::vector<BFloat16> all(65536), back(65536);
  for (std::uint32_t i = 0; i < 65536; ++i) all[i].bits = static_cast<std::uint16_t>(i);
  std::vector<float> wide(65536);
  for_each_instruction_set([&] {
    convert(all.data(), wide.data(), 65536);
    convert(wide.data(), back.data(), 65536);
    int wrong = 0;
    for (std::uint32_t i = 0; i < 65536; ++i) {
      const bool nan = std::isnan(wide[i]);
      wrong += nan ? back[i].bits != (i | 0x40) : back[i].bits != i;
    }
    CHECK(wrong == 0);
  });
}

TEST_CASE("bulk conversion equals the scalar one") {
  for_each_instruction_set([] {
    for (const std::int64_t n : {0, 1, 3, 15, 16, 17, 100003}) {
      auto values = random_values<float>(n, "bulk", 100);
      for (std::int64_t i = 0; i < n; ++i) {  // arbitrary bit patterns too
        const auto random = sluice::philox(5, static_cast<std::uint64_t>(i), 0)[0];
        if (i % 3 == 1) values[i] = from_bits(random);
        if (i % 7 == 2) values[i] = from_bits((random & 0xffff0000u) | 0x8000u);
        if (i % 97 == 5) values[i] = from_bits(0x7f800000u | (random & 0x007fffffu));
      }
      std::vector<BFloat16> got(n), expected(n);
      convert(values.data(), got.data(), n);
      reference::convert(values.data(), expected.data(), n);
      CHECK(same_bits(got, expected));
      std::vector<float> got_back(n), expected_back(n);
      convert(expected.data(), got_back.data(), n);
      reference::convert(expected.data(), expected_back.data(), n);
      CHECK(same_bits(got_back, expected_back));
    }
  });
}
