#include "core/checkpoint/checksum.hpp"

#include "tests/core/checkpoint/checkpoint_fixtures.hpp"
#include "tests/support/catch.hpp"

using namespace sluice::checkpoint;

TEST_CASE("checksums are XXH3-128 as xxhsum prints it") {
  // xxhsum -H128 of an empty input and of "abc" (xxHash 0.8 test vectors).
  CHECK(to_hex(checksum_of(std::string_view(""))) == "99aa06d3014798d86001c324468d497f");
  CHECK(to_hex(checksum_of(std::string_view("abc"))) == "06b05ab6733a618578af5f94892f3950");
}

TEST_CASE("a checksum in pieces is the checksum of the whole") {
  const auto bytes = some_bytes(100'000, 3);
  for (const std::size_t piece : {1UL, 7UL, 240UL, 4096UL, 99'999UL, 100'000UL}) {
    ChecksumStream stream;
    for (std::size_t at = 0; at < bytes.size(); at += piece)
      stream.update(std::span(bytes).subspan(at, std::min(piece, bytes.size() - at)));
    REQUIRE(stream.digest() == checksum_of(bytes));
  }
}

TEST_CASE("checksums read back from hex, and nothing else does") {
  const Checksum checksum = checksum_of(std::string_view("abc"));
  REQUIRE(parse_checksum(to_hex(checksum)) == checksum);
  for (const char* bad : {"", "06b05ab6733a618578af5f94892f395", "06b05ab6733a618578af5f94892f39500", "06B05AB6733A618578AF5F94892F3950",
                          "g6b05ab6733a618578af5f94892f3950"})
    CHECK(!parse_checksum(bad));
}
