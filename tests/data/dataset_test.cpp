#include "data/dataset.hpp"

#include "data/evaluation_set.hpp"
#include "data/token_cache_builder.hpp"
#include "data/utf8.hpp"
#include "tests/data/data_support.hpp"
#include "tests/support/catch.hpp"

#include <memory>
#include <set>
#include <vector>

using namespace sluice;
using namespace sluice::data;

namespace {

/// A cache of the text's bytes and EOS.
TokenCachePtr cache_of(const TemporaryFolder& folder, const std::string& name, const std::string& text) {
  const std::string path = folder.write(name, text);
  SourceText source{path, find_source_files(path), {std::to_string(hash64(text))}, {}, {}};
  return build_token_cache(source, ByteTokenizer(), folder.path(), 1, {});
}

std::string letters(std::size_t count) {
  std::string text;
  for (std::size_t i = 0; i < count; ++i) text += static_cast<char>('a' + i % 26);
  return text;
}

}  // namespace

TEST_CASE("every target is in exactly one window") {
  const TemporaryFolder folder;
  const std::string text = letters(1000);  // 1001 tokens with EOS
  const auto cache = cache_of(folder, "a.txt", text);
  for (const std::int64_t length : {1, 7, 100, 999, 1000}) {
    const Dataset dataset({whole_range("a.txt", cache)}, length);
    REQUIRE(dataset.total_windows() == 1000 / static_cast<std::uint64_t>(length));
    std::vector<std::int32_t> window(static_cast<std::size_t>(length) + 1);
    std::size_t at = 0;
    for (std::uint64_t w = 0; w < dataset.total_windows(); ++w) {
      dataset.read(dataset.locate(w), window.data());
      for (std::size_t i = 0; i < window.size(); ++i) REQUIRE(window[i] == (at + i < 1000 ? text[at + i] : 256));
      at += static_cast<std::size_t>(length);
    }
  }
}

TEST_CASE("a source shorter than one sequence is refused with the numbers") {
  const TemporaryFolder folder;
  const auto cache = cache_of(folder, "a.txt", letters(100));
  REQUIRE_NOTHROW(Dataset({whole_range("a.txt", cache)}, 100));
  REQUIRE(error_of([&] { Dataset({whole_range("corpus/a.txt", cache)}, 101); }) ==
          "3: corpus/a.txt: 101 tokens are less than one sequence: seq_length(101) + 1 = 102 are needed; use more text or a shorter "
          "seq_length");
}

TEST_CASE("the validation split shares no token with training, whatever the sequence length, and reaches the end") {
  const TemporaryFolder folder;
  const auto cache = cache_of(folder, "a.txt", letters(1000));
  for (const double fraction : {0.05, 0.1, 0.25, 0.5, 0.9}) {
    // Stages with other sequence lengths cut at the same token.
    for (const std::int64_t length : {1, 7, 10, 16, 48}) {
      TokenRange train = whole_range("a.txt", cache);
      const TokenRange tail = split_tail(train, fraction, length);
      REQUIRE(tail.count == static_cast<std::uint64_t>(fraction * 1001));
      REQUIRE(train.first == 0);
      REQUIRE(train.count == tail.first);
      REQUIRE(tail.first + tail.count == cache->size());
      const Dataset validation({tail}, length);
      REQUIRE(validation.total_windows() == (tail.count - 1) / static_cast<std::uint64_t>(length));
      std::vector<std::int32_t> window(static_cast<std::size_t>(length) + 1);
      validation.read({0, 0}, window.data());
      REQUIRE(window[0] == static_cast<std::int32_t>('a' + tail.first % 26));
    }
  }
  TokenRange all = whole_range("a.txt", cache);
  const TokenRange half = split_tail(all, 0.5, 499);
  std::vector<std::int32_t> window(500);
  Dataset({half}, 499).read({0, 0}, window.data());
  REQUIRE(window[499] == 256);
  for (const auto& [fraction, held] : {std::pair(0.5, 500), std::pair(0.0001, 0), std::pair(0.999, 999)}) {
    TokenRange train = whole_range("a.txt", cache);
    REQUIRE(error_of([&] { split_tail(train, fraction, 600); }) ==
            fmt::format("3: a.txt: 1001 tokens cannot be split: validation_split({}) holds {} of them back for validation, and both parts "
                        "need at least seq_length(600) + 1 = 601; use more text, another split or a shorter seq_length, or name "
                        "validation files",
                        fraction, held));
    REQUIRE(train.count == 1001);
  }
}

TEST_CASE("an evaluation set is spread evenly and counts tokens, bytes and words of its targets") {
  const TemporaryFolder folder;
  // Words of several widths, white space of 1 to 3 bytes that windows of odd lengths cut anywhere, two documents.
  std::string first, second;
  for (int i = 0; i < 300; ++i)
    first += fmt::format("word{}\u3000caf\u00E9\u00A0 {}\n\n", i, std::string(static_cast<std::size_t>(i % 5), 'x'));
  second = "glued to nothing\u2009 " + first;
  const auto one = cache_of(folder, "a.txt", first);
  const auto two = cache_of(folder, "b.txt", second);
  const auto tokenizer = std::make_shared<ByteTokenizer>();
  for (const std::int64_t length : {1, 2, 3, 17, 64}) {
    const Dataset dataset({whole_range("a.txt", one), whole_range("b.txt", two)}, length);
    const EvaluationSet all(dataset, tokenizer, 0);
    REQUIRE(all.size() == static_cast<std::int64_t>(dataset.total_windows()));
    const TargetCounts counts = all.counts(0, all.size());
    REQUIRE(counts.tokens == dataset.total_windows() * static_cast<std::uint64_t>(length));
    // By hand: the targets of a source are its bytes from 1 to windows·T (EOS, if reached, has none).
    std::uint64_t bytes = 0, words = 0;
    for (std::size_t s = 0; s < 2; ++s) {
      const std::string& text = s == 0 ? first : second;
      const std::size_t end = std::min<std::size_t>(text.size(), dataset.windows()[s] * static_cast<std::size_t>(length) + 1);
      bytes += end - 1;
      // A word whose first byte is before `end` counts; the first word of each source starts at byte 0, which is no target.
      std::uint64_t starts = 0;
      bool inside = false;
      for (std::size_t at = 0; at < end;) {
        const std::size_t space = whitespace_length(std::string_view(text).substr(at));
        if (space == 0 && !inside && at > 0) ++starts;
        inside = space == 0;
        at += space == 0 ? 1 : space;
      }
      words += starts;
    }
    REQUIRE(counts.bytes == bytes);
    REQUIRE(counts.words == words);
    // The parts add up to the whole.
    TargetCounts sum;
    for (std::int64_t at = 0; at < all.size(); at += 5) {
      const TargetCounts part = all.counts(at, std::min(at + 5, all.size()));
      sum.tokens += part.tokens;
      sum.bytes += part.bytes;
      sum.words += part.words;
    }
    REQUIRE(sum.tokens == counts.tokens);
    REQUIRE(sum.bytes == counts.bytes);
    REQUIRE(sum.words == counts.words);
  }
  const Dataset dataset({whole_range("a.txt", one), whole_range("b.txt", two)}, 16);
  const EvaluationSet some(dataset, tokenizer, 7);
  REQUIRE(some.size() == 7);
  const Batch rows = some.rows(0, 7);
  REQUIRE(rows.rows == 7);
  REQUIRE(rows.width == 17);
  for (std::int64_t i = 0; i < 7; ++i) {
    std::vector<std::int32_t> window(17);
    dataset.read(dataset.locate(static_cast<std::uint64_t>(i) * dataset.total_windows() / 7), window.data());
    REQUIRE(std::vector<std::int32_t>(rows.row(i), rows.row(i) + 17) == window);
  }
  REQUIRE(EvaluationSet(dataset, tokenizer, 1000000).size() == static_cast<std::int64_t>(dataset.total_windows()));
  REQUIRE(EvaluationSet().size() == 0);
}
