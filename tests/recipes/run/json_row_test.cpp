#include "recipes/run/json_row.hpp"

#include "core/base/random.hpp"
#include "tests/support/catch.hpp"

#include <bit>
#include <cmath>
#include <limits>

using namespace sluice;
using namespace sluice::recipes;

TEST_CASE("keys keep their order, a key set again keeps its place") {
  JsonRow row;
  row.set("step", 7).set("stage", "dense").set("loss", 2.5f).set("exact", true).set("step", std::int64_t{8});
  REQUIRE(row.to_json() == R"({"step": 8, "stage": "dense", "loss": 2.5, "exact": true})");
  REQUIRE(JsonRow().to_json() == "{}");
}

TEST_CASE("what is no number is null") {
  JsonRow row;
  row.set("a", std::numeric_limits<double>::quiet_NaN()).set("b", INFINITY).set("c", -INFINITY);
  REQUIRE(row.to_json() == R"({"a": null, "b": null, "c": null})");
}

TEST_CASE("doubles have the fewest digits that read back to the same bits") {
  JsonRow row;
  row.set("a", 0.1).set("b", 1.0).set("c", 1e300).set("d", -0.0).set("e", 5e-324).set("f", 0.1f).set("g", 1e16);
  REQUIRE(row.to_json() == R"({"a": 0.1, "b": 1.0, "c": 1e+300, "d": -0.0, "e": 5e-324, "f": 0.10000000149011612, "g": 1e+16})");
  for (std::uint64_t i = 0; i < 5000; ++i) {
    const auto bits = philox(1, i, 0);
    const double value = std::bit_cast<double>((std::uint64_t{bits[1]} << 32) | bits[0]);
    if (!std::isfinite(value)) continue;
    JsonRow back;
    REQUIRE(JsonRow::parse(JsonRow().set("x", value).to_json(), back));
    REQUIRE(std::bit_cast<std::uint64_t>(back.number("x")) == std::bit_cast<std::uint64_t>(value));
  }
}

TEST_CASE("whole numbers are exact to 63 bits") {
  JsonRow row, back;
  row.set("max", std::numeric_limits<std::int64_t>::max()).set("min", std::numeric_limits<std::int64_t>::min());
  REQUIRE(JsonRow::parse(row.to_json(), back));
  REQUIRE(back.integer("max", 0) == std::numeric_limits<std::int64_t>::max());
  REQUIRE(back.integer("min", 0) == std::numeric_limits<std::int64_t>::min());
}

TEST_CASE("text is escaped, and bytes that are no UTF-8 do not fail") {
  JsonRow row, back;
  row.set("note", "a \"quote\"\nand \xff \xc3\xa9").set("key \"k\"", "v");
  REQUIRE(JsonRow::parse(row.to_json(), back));
  REQUIRE(back.text("note") == "a \"quote\"\nand \xef\xbf\xbd \xc3\xa9");
  REQUIRE(back.text("key \"k\"") == "v");
}

TEST_CASE("reading takes flat objects only and leaves the row alone otherwise") {
  JsonRow row;
  row.set("kept", 1);
  for (const char* line : {"", "{\"step\": 12, \"lo", "[1]", "12", "null", "{\"a\": {\"b\": 1}}", "{\"a\": [1]}"}) {
    CHECK_FALSE(JsonRow::parse(line, row));
    CHECK(row.to_json() == R"({"kept": 1})");
  }
  REQUIRE(JsonRow::parse(R"({"z": null, "a": 2, "b": 2.5, "t": "x"})", row));
  CHECK(row.to_json() == R"({"z": null, "a": 2, "b": 2.5, "t": "x"})");
  CHECK(std::isnan(row.number("z")));
  CHECK(std::isnan(row.number("absent")));
  CHECK(std::isnan(row.number("t")));
  CHECK(row.number("a") == 2.0);
  CHECK(row.integer("a", -1) == 2);
  CHECK(row.integer("b", -1) == -1);
  CHECK(row.text("a").empty());
}
