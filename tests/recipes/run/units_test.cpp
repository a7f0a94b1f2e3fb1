#include "recipes/run/units.hpp"

#include "tests/support/catch.hpp"

#include <cmath>

using namespace sluice::recipes;

TEST_CASE("counts have three significant digits and never four before the unit") {
  CHECK(human_count(0) == "0");
  CHECK(human_count(999) == "999");
  CHECK(human_count(1000) == "1.00K");
  CHECK(human_count(4096) == "4.10K");
  CHECK(human_count(9994) == "9.99K");
  CHECK(human_count(9995) == "10.0K");
  CHECK(human_count(12345678) == "12.3M");
  CHECK(human_count(99949) == "99.9K");
  CHECK(human_count(99960) == "100K");
  CHECK(human_count(999499) == "999K");
  CHECK(human_count(999500) == "1.00M");
  CHECK(human_count(1.24e9) == "1.24B");
  CHECK(human_count(3.5e12) == "3.50T");
  CHECK(human_count(5e15) == "5000T");
  CHECK(human_count(-12345678) == "-12.3M");
  CHECK(human_count(812.26) == "812");
  CHECK(human_count(NAN) == "unknown");
}

TEST_CASE("bytes are binary") {
  CHECK(human_bytes(0) == "0 B");
  CHECK(human_bytes(1023) == "1023 B");
  CHECK(human_bytes(1024) == "1.0 KiB");
  CHECK(human_bytes(1.25 * 1024 * 1024 * 1024) == "1.2 GiB");
  CHECK(human_bytes(1024.0 * 1024 - 1) == "1.0 MiB");
}

TEST_CASE("durations") {
  CHECK(human_duration(0) == "0.0s");
  CHECK(human_duration(4.24) == "4.2s");
  CHECK(human_duration(9.96) == "10s");
  CHECK(human_duration(59.4) == "59s");
  CHECK(human_duration(59.6) == "1m00s");
  CHECK(human_duration(200) == "3m20s");
  CHECK(human_duration(3599.7) == "1h00m");
  CHECK(human_duration(3900) == "1h05m");
  CHECK(human_duration(2 * 86400 + 3 * 3600 + 59) == "2d03h");
  CHECK(human_duration(NAN) == "unknown");
  CHECK(human_duration(INFINITY) == "unknown");
  CHECK(human_duration(-1) == "unknown");
}

TEST_CASE("a number that is none has no sign") {
  CHECK(plain_number(-std::nan("")) == "nan");
  CHECK(plain_number(0.1) == "0.1");
  CHECK(plain_number(-INFINITY) == "-inf");
}
