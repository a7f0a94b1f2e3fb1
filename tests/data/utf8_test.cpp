#include "data/utf8.hpp"

#include "core/base/error.hpp"
#include "tests/data/data_support.hpp"
#include "tests/data/utf8_cases.hpp"
#include "tests/support/catch.hpp"

#include <string>

using namespace sluice;
using namespace sluice::data;

namespace {

struct Repaired {
  std::string text;
  std::uint64_t faults = 0;
  std::uint64_t invalid_bytes = 0;
  std::vector<Utf8Fault> located;
};

/// Repairs `input` in blocks of `block` bytes after a first one of `first` bytes.
Repaired repair(std::string_view input, std::size_t first, std::size_t block) {
  Utf8Repairer repairer("input.txt");
  Repaired result;
  repairer.append(input.substr(0, first), result.text);
  for (std::size_t at = std::min(first, input.size()); at < input.size(); at += block)
    repairer.append(input.substr(at, block), result.text);
  repairer.finish(result.text);
  result.faults = repairer.faults();
  result.invalid_bytes = repairer.invalid_bytes();
  result.located = repairer.located();
  return result;
}

}  // namespace

TEST_CASE("invalid UTF-8 is repaired as Python's errors=replace does, however the stream is cut") {
  REQUIRE(utf8_cases().size() > 200);
  for (const Utf8Case& c : utf8_cases()) {
    const std::string_view input(c.input, c.input_size);
    const std::string expected(c.repaired, c.repaired_size);
    INFO(describe_bytes(input));
    std::size_t bytes = 0;
    for (const auto& fault : c.faults) bytes += fault.second;
    for (std::size_t first = 0; first <= input.size(); ++first) {
      for (const std::size_t block : {std::size_t{1}, std::size_t{3}, std::size_t{1000}}) {
        const Repaired got = repair(input, first, block);
        REQUIRE(got.text == expected);
        REQUIRE(got.faults == c.faults.size());
        REQUIRE(got.invalid_bytes == bytes);
        for (std::size_t i = 0; i < got.located.size(); ++i) {
          REQUIRE(got.located[i].offset == c.faults[i].first);
          REQUIRE(got.located[i].bytes == input.substr(c.faults[i].first, c.faults[i].second));
        }
      }
    }
  }
}

TEST_CASE("only the first faults are located, all are counted") {
  const Repaired got = repair(std::string(100, '\xFF'), 0, 7);
  REQUIRE(got.faults == 100);
  REQUIRE(got.located.size() == Utf8Repairer::kLocated);
  REQUIRE(got.located.back().offset == Utf8Repairer::kLocated - 1);
}

TEST_CASE("policy error names file, byte offset and bytes") {
  std::string out;
  Utf8Repairer repairer("corpus/a.txt", InvalidUtf8::kError);
  repairer.append("0123456789 caf\xE2\x82", out);
  const std::string error = error_of([&] { repairer.append("(", out); });
  REQUIRE(error == "3: corpus/a.txt: invalid UTF-8 at byte 14 (0xE2 0x82); convert the file to UTF-8, or set data.invalid_utf8: replace");
  Utf8Repairer ends("b.txt", InvalidUtf8::kError);
  ends.append("ok\xC3", out);
  REQUIRE(contains(error_of([&] { ends.finish(out); }), "b.txt: invalid UTF-8 at byte 2 (0xC3)"));
}

TEST_CASE("words are separated by the white space of Python's str.split()") {
  REQUIRE(count_words("") == 0);
  REQUIRE(count_words("  \n\t ") == 0);
  REQUIRE(count_words("one") == 1);
  REQUIRE(count_words(" one  two\nthree ") == 3);
  REQUIRE(count_words("tail of a word", true) == 3);
  REQUIRE(count_words(" tail", true) == 1);
  // Every character with str.isspace(), as Python 3.11 lists them, between two letters; and neighbours that are none.
  const std::vector<std::string> spaces = {"\t",     "\n",     "\v",     "\f",     "\r",     "\x1C",   "\x1D",   "\x1E",
                                           "\x1F",   " ",      "\u0085", "\u00A0", "\u1680", "\u2000", "\u2001", "\u2005",
                                           "\u200A", "\u2028", "\u2029", "\u202F", "\u205F", "\u3000"};
  for (const std::string& space : spaces) REQUIRE(count_words("a" + space + "b") == 2);
  for (const std::string other :
       {"\x1B", "\x7F", "\u0084", "\u00A1", "\u1681", "\u180E", "\u200B", "\u2027", "\u202A", "\u2060", "\u3001", "\uFEFF", "\U0001F600"})
    REQUIRE(count_words("a" + other + "b") == 1);
}
