#include "data/splitter.hpp"

#include <string>
#include <vector>

#include "data/chunk_cut.hpp"
#include "data/unicode.hpp"
#include "tests/support/catch.hpp"

using namespace sluice::data;

namespace {

/// The pieces, with '|' between them.
std::string pieces(Splitter splitter, const std::string& text) {
  std::string joined;
  const PieceEnd piece_end = piece_end_of(splitter);
  const char* const end = text.data() + text.size();
  for (const char* begin = text.data(); begin < end;) {
    const char* next = piece_end(begin, end);
    if (!joined.empty()) joined += '|';
    joined.append(begin, next);
    begin = next;
  }
  return joined;
}

}  // namespace

// What Hugging Face tokenizers 0.23.3 gives for the same expressions.
TEST_CASE("GPT-2's splitter cuts as its expression does") {
  const auto gpt2 = [](const std::string& text) { return pieces(Splitter::kGpt2, text); };
  CHECK(gpt2("") == "");
  CHECK(gpt2("Hello world") == "Hello| world");
  CHECK(gpt2("I'll don't we'Re it's 'tis x'd") == "I|'ll| don|'t| we|'|Re| it|'s| '|tis| x|'d");
  CHECK(gpt2("'s's!'s") == "'s|'s|!'|s");
  CHECK(gpt2("a  b   c ") == "a| | b|  | c| ");
  CHECK(gpt2("a\n\nb\n c\t\td") == "a|\n|\n|b|\n| c|\t|\t|d");
  CHECK(gpt2("x \r\n") == "x| \r\n");
  CHECK(gpt2("v1.25: 3000kg") == "v|1|.|25|:| 3000|kg");
  CHECK(gpt2("漢字かな、テスト") == "漢字かな|、|テスト");
  CHECK(gpt2("e\u0301a\u0323") == "e|\u0301|a|\u0323");
  CHECK(gpt2("👩‍👩‍👧 ok") == "👩‍👩‍👧| ok");
  CHECK(gpt2("a\u0085\u0085b") == "a|\u0085|\u0085|b");
  CHECK(gpt2("a\u180E\u180Eb") == "a|\u180E\u180E|b");
  CHECK(gpt2("½ Ⅷ²x") == "½| Ⅷ²|x");
  CHECK(gpt2("\u3000\u3000あ") == "\u3000|\u3000|あ");
}

TEST_CASE("Llama-3's and Qwen's splitters cut as their expressions do") {
  const auto llama = [](const std::string& text) { return pieces(Splitter::kLlama3, text); };
  const auto qwen = [](const std::string& text) { return pieces(Splitter::kQwen2, text); };
  const auto marks = [](const std::string& text) { return pieces(Splitter::kQwen35, text); };
  CHECK(llama("we'Re IT'S it'\u017Fx") == "we|'Re| IT|'S| it|'\u017F|x");
  CHECK(llama("'sx 'LLama") == "'s|x| '|LLama");
  CHECK(llama("1234567 89") == "123|456|7| |89");
  CHECK(qwen("1234 5") == "1|2|3|4| |5");
  CHECK(llama("a\tb\n c(d)!!\n\nx") == "a|\tb|\n| c|(d|)!!\n\n|x");
  CHECK(llama("a \n \n  b") == "a| \n \n| | b");
  CHECK(llama("a \r\n") == "a| \r\n");
  CHECK(llama("end  ") == "end|  ");
  CHECK(llama("\u00A0x \u0085\u0085y") == "\u00A0x| \u0085|\u0085y");
  CHECK(llama("a\u180Eb") == "a|\u180Eb");
  CHECK(llama("漢字、カナ") == "漢字|、カナ");
  CHECK(qwen("e\u0301a \u0301\u0301") == "e|\u0301a| \u0301\u0301");
  CHECK(marks("e\u0301a \u0301\u0301") == "e\u0301a| \u0301\u0301");
  CHECK(marks("\u0301! \n\u0301") == "\u0301|!| \n|\u0301");
  CHECK(qwen("नमस्ते") == "नमस|\u094Dत|\u0947");
  CHECK(marks("नमस्ते") == "नमस्ते");
}

TEST_CASE("SmolLM2's splitter takes every numeric character alone") {
  const auto digits = [](const std::string& text) { return pieces(Splitter::kDigitsGpt2, text); };
  CHECK(digits("a 12  3b") == "a| |1|2|  |3|b");
  CHECK(digits("x½ ٣'s") == "x|½| |٣|'s");
  CHECK(digits("  7") == "  |7");
}

TEST_CASE("expressions are known by their text") {
  CHECK(splitter_of_pattern(R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)") == Splitter::kGpt2);
  CHECK_FALSE(splitter_of_pattern(R"(\p{L}+)").has_value());
}

TEST_CASE("text may be cut at a certain cut") {
  const std::string text = "It's  a\n\n「文」\u3000\u3000x 12 \u0085 don't\t\tgo!  ";
  const std::string whole = pieces(Splitter::kGpt2, text);
  std::size_t cuts = 0;
  for (std::size_t from = 0; from <= text.size(); ++from) {
    const std::size_t cut = next_certain_cut(text, from);
    REQUIRE(cut >= from);
    if (cut == text.size()) continue;
    ++cuts;
    CHECK(pieces(Splitter::kGpt2, text.substr(0, cut)) + "|" + pieces(Splitter::kGpt2, text.substr(cut)) == whole);
  }
  CHECK(cuts > 20);
  CHECK(next_certain_cut("  a b", 0) == 3);
  CHECK(next_certain_cut(" a", 0) == 2);
  CHECK(next_certain_cut("漢 x", 1) == 3);
}

TEST_CASE("broken UTF-8 is cut without reading past the end") {
  for (const std::string text : {"\xE6\xBC", "a\xFF\xF0\x9F", "\xC3", "\x80 \x80"})
    for (const auto splitter : {Splitter::kGpt2, Splitter::kLlama3, Splitter::kQwen35, Splitter::kDigitsGpt2}) {
      std::string joined = pieces(splitter, text);
      std::string without;
      for (const char c : joined)
        if (c != '|') without += c;
      CHECK(without == text);
    }
}

TEST_CASE("classes are those of Unicode 16, and White_Space is what it says") {
  const auto* classes = unicode_classes();
  CHECK((classes[0x1C89] & kLetter) != 0);  // came with 16.0
  CHECK((classes[0x85] & kSpace) != 0);
  CHECK((classes[0x180E] & kSpace) == 0);
  CHECK((classes[0x200B] & kSpace) == 0);
  int letters = 0, numbers = 0, spaces = 0;
  for (int c = 0; c < 0x110000; ++c) {
    letters += (classes[c] & kLetter) != 0;
    numbers += (classes[c] & kNumber) != 0;
    spaces += (classes[c] & kSpace) != 0;
    if ((classes[c] & kNumber) && !(classes[c] & kNumeric)) FAIL("number that is not numeric: " << c);
  }
  CHECK(letters == 141028);
  CHECK(numbers == 1911);
  CHECK(spaces == 25);
}
