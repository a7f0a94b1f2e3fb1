#include "data/unicode.hpp"

#include <string>

#include "tests/support/catch.hpp"

using namespace sluice::data;

TEST_CASE("form C composes, reorders and replaces") {
  CHECK(to_nfc("") == "");
  CHECK(to_nfc("plain text, été") == "plain text, été");
  CHECK(to_nfc("e\u0301te\u0301") == "été");
  CHECK(to_nfc("\u0301e") == "\u0301e");
  CHECK(to_nfc("q\u0307\u0323") == "q\u0323\u0307");                                          // canonical order
  CHECK(to_nfc("\u1E0B\u0323") == "\u1E0D\u0307");                                            // a composite is taken apart again
  CHECK(to_nfc("a\u0315\u0300\u05AE\u0300b") == "à\u05AE\u0300\u0315b");                      // blocked by an equal class
  CHECK(to_nfc("\u2126\u212B\u0374") == "\u03A9\u00C5\u02B9");                                // singletons
  CHECK(to_nfc("\u0958\uFB2C") == "\u0915\u093C\u05E9\u05BC\u05C1");                          // composition exclusions
  CHECK(to_nfc("\u1112\u1161\u11AB\uAC00\u11A8\uAC01\u11A8") == "\uD55C\uAC01\uAC01\u11A8");  // Hangul
  CHECK(to_nfc("\U0001D15E") == "\U0001D157\U0001D165");
  CHECK(to_nfc("x\u0041\u030A\u0301y") == "x\u01FAy");
}

TEST_CASE("form C of form C is itself, and the cheap test never errs") {
  std::string all;
  for (char32_t c = 0; c < 0x110000; ++c) {
    if (c >= 0xD800 && c < 0xE000) continue;
    std::string one;
    append_code_point(one, c);
    const std::string normal = to_nfc(one);
    if (is_plainly_nfc(one) && normal != one) FAIL("U+" << std::hex << static_cast<std::uint32_t>(c));
    if (to_nfc(normal) != normal) FAIL("U+" << std::hex << static_cast<std::uint32_t>(c));
    all += one;
    if (c % 7 == 0) all += "\u0301";
  }
  const std::string normal = to_nfc(all);
  CHECK(to_nfc(normal) == normal);
  CHECK(is_plainly_nfc("déjà vu 漢字 \uAC00"));
  CHECK_FALSE(is_plainly_nfc("e\u0301"));
}
