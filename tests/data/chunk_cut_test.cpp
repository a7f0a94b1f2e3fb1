#include "data/chunk_cut.hpp"

#include "core/base/random.hpp"
#include "tests/data/test_splitters.hpp"
#include "tests/support/catch.hpp"

#include <string>
#include <vector>

using namespace sluice;
using namespace sluice::data;

namespace {

std::vector<std::string> joined(std::vector<std::string> left, const std::vector<std::string>& right) {
  left.insert(left.end(), right.begin(), right.end());
  return left;
}

std::string random_text(std::uint64_t key, std::size_t length) {
  static const std::vector<std::string> alphabet = {
      "a",      "b",      "S",      "s",      "t",      "l",      "1",      "2",      " ",      " ",          " ",      " ",      "'",
      ".",      "!",      "-",      "\n",     "\n",     "\r",     "\t",     "\u00E9", "\u4E2D", "\u306E",     "\uD55C", "\u0416", "\u3002",
      "\uFF0C", "\u3001", "\u00A0", "\u3000", "\u2009", "\u0301", "\u0663", "\u00B2", "\u017F", "\U0001F600", "\uFFFD", "\uFEFF"};
  std::string text;
  for (std::size_t i = 0; i < length; ++i)
    text += alphabet[static_cast<std::size_t>(random_uniform(key, i) * static_cast<double>(alphabet.size()))];
  return text;
}

}  // namespace

TEST_CASE("the test's splitters do what the expressions say") {
  using Parts = std::vector<std::string>;
  REQUIRE(split("Don't  stop!!\n\n 42x", Splitter::kGpt2) == Parts{"Don", "'t", " ", " stop", "!!", "\n\n", " 42", "x"});
  REQUIRE(split("Don'T  stop!!\n\n 1234x", Splitter::kLlama3) == Parts{"Don", "'T", " ", " stop", "!!\n\n", " ", "123", "4", "x"});
  REQUIRE(split(" \n \nab 12", Splitter::kQwen2) == Parts{" \n \n", "ab", " ", "1", "2"});
  REQUIRE(split("a\n\nb \t c", Splitter::kGpt2) == Parts{"a", "\n", "\n", "b", " \t", " c"});
}

TEST_CASE("no pre-token crosses a safe cut, and both pieces split as in the whole") {
  std::size_t cuts = 0;
  for (std::uint64_t round = 0; round < 4000; ++round) {
    const std::string text = random_text(random_key(round, "text"), 4 + round % 24);
    for (std::size_t size = text.size(); size > 0; --size) {
      const std::size_t cut = last_safe_cut(std::string_view(text).substr(0, size));
      if (cut == 0) continue;
      REQUIRE(cut < size);
      ++cuts;
      for (const Splitter splitter : {Splitter::kGpt2, Splitter::kLlama3, Splitter::kQwen2}) {
        INFO(text << " cut at " << cut);
        REQUIRE(joined(split(text.substr(0, cut), splitter), split(text.substr(cut), splitter)) == split(text, splitter));
      }
    }
  }
  REQUIRE(cuts > 10000);
}

TEST_CASE("where a text is cut") {
  REQUIRE(last_safe_cut("one two three") == 7);
  REQUIRE(last_safe_cut("one two three", 7) == 0);
  REQUIRE(last_safe_cut("end. Next") == 4);
  REQUIRE(last_safe_cut("a  b") == 1);  // between letter and space, not between two spaces
  REQUIRE(last_safe_cut("a \n b") == 1);
  REQUIRE(last_safe_cut("abcdef") == 0);
  REQUIRE(last_safe_cut("line\nline") == 4);    // no space: before a newline after a letter
  REQUIRE(last_safe_cut("a line\nline") == 1);  // the space is preferred
  REQUIRE(last_safe_cut("end.\nline") == 0);    // Llama-3 keeps ".\n" together
  REQUIRE(last_safe_cut("\u4E2D\u3002\u4E2D") == 3);
  REQUIRE(last_safe_cut("\u3000 a") == 0);  // white space before the space
  REQUIRE(last_safe_cut("") == 0);
}
