#include "core/base/clock.hpp"

#include "tests/support/catch.hpp"

#include <cstdlib>
#include <ctime>
#include <string>

using namespace sluice;

TEST_CASE("the monotonic clock does not go back, the stopwatch starts again") {
  const double before = monotonic_seconds();
  Stopwatch watch;
  REQUIRE(watch.seconds() >= 0);
  watch.restart();
  REQUIRE(watch.seconds() <= monotonic_seconds() - before);
}

TEST_CASE("stamps are local time") {
  const char* zone = std::getenv("TZ");
  const std::string before = zone == nullptr ? "" : zone;
  setenv("TZ", "UTC0", 1);
  tzset();
  CHECK(local_time_stamp(0) == "1970-01-01 00:00:00");
  CHECK(local_time_stamp(1795125845.9) == "2026-11-19 22:04:05");
  setenv("TZ", "EST5", 1);
  tzset();
  CHECK(local_time_stamp(0) == "1969-12-31 19:00:00");
  zone == nullptr ? unsetenv("TZ") : setenv("TZ", before.c_str(), 1);
  tzset();
}

TEST_CASE("wall time is later than the day this was written") { REQUIRE(wall_seconds() > 1.7e9); }
