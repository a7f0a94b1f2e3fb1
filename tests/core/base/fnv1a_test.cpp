#include "core/base/fnv1a.hpp"

#include "tests/support/catch.hpp"

using namespace sluice;

TEST_CASE("FNV-1a matches the published vectors, at once and in parts") {
  REQUIRE(fnv1a("") == 0xcbf29ce484222325ULL);
  REQUIRE(fnv1a("a") == 0xaf63dc4c8601ec8cULL);
  REQUIRE(fnv1a("foobar") == 0x85944171f73967e8ULL);
  REQUIRE(fnv1a("bar", fnv1a("foo")) == fnv1a("foobar"));
  // A byte above 127 is no negative number.
  REQUIRE(fnv1a("\xff") == (kFnv1aStart ^ 0xff) * 0x100000001b3ULL);
}
