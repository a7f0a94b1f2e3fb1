#include "core/base/parse_number.hpp"

#include "tests/support/catch.hpp"

#include <cstdint>

using namespace sluice;

TEST_CASE("a number is the whole text, or there is none") {
  CHECK(parse_number<std::int64_t>("0") == 0);
  CHECK(parse_number<std::int64_t>("-12") == -12);
  CHECK(parse_number<std::int64_t>("9223372036854775807") == std::int64_t{9223372036854775807});
  CHECK(parse_number<double>("1.5e-3") == 1.5e-3);
  for (const char* text : {"", " 1", "1 ", "+1", "1x", "x", "-", "1.0", "9223372036854775808"})
    CHECK_FALSE(parse_number<std::int64_t>(text).has_value());
  CHECK_FALSE(parse_number<int>("2147483648").has_value());
  CHECK_FALSE(parse_number<std::uint64_t>("-1").has_value());
}
