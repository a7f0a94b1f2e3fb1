#include "data/bpe_tokenizer.hpp"

#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "core/base/random.hpp"
#include "data/bpe_trainer.hpp"
#include "data/byte_level.hpp"
#include "data/load_tokenizer.hpp"
#include "data/unicode.hpp"
#include "tests/support/catch.hpp"

using namespace sluice;
using namespace sluice::data;

namespace {

using Ids = std::vector<std::int32_t>;

Ids encode(const Tokenizer& tokenizer, const std::string& text, bool parse_special = false) {
  Ids ids;
  tokenizer.encode(text, ids, parse_special);
  return ids;
}

std::string merge(const std::string& left, const std::string& right) { return to_byte_level(left) + " " + to_byte_level(right); }

/// Bytes 0..255 as their own ids, then one token per merge, then the added tokens.
nlohmann::json small_model(const std::vector<std::pair<std::string, std::string>>& merges, const nlohmann::json& added) {
  auto file = nlohmann::json::parse(make_bytes_tokenizer()->json());
  auto& vocabulary = file["model"]["vocab"];
  vocabulary.erase("<|endoftext|>");
  file["model"]["merges"] = nlohmann::json::array();
  for (const auto& [left, right] : merges) {
    const auto both = to_byte_level(left + right);
    if (!vocabulary.contains(both)) vocabulary[both] = vocabulary.size();
    file["model"]["merges"].push_back(merge(left, right));
  }
  file["added_tokens"] = nlohmann::json::array();
  for (auto token : added) {
    token["id"] = vocabulary.size() + file["added_tokens"].size();
    file["added_tokens"].push_back(token);
  }
  return file;
}

nlohmann::json special(const std::string& content) { return {{"content", content}, {"special", true}}; }

}  // namespace

TEST_CASE("the pair of lowest rank is merged first, the leftmost of equals") {
  const auto tokenizer = tokenizer_from_json(
      small_model({{"b", "c"}, {"a", "b"}, {"a", "a"}, {"aa", "a"}, {"ab", "c"}}, nlohmann::json::array({special("<eos>")})).dump(),
      "test");
  CHECK(encode(*tokenizer, "abc") == Ids{'a', 256});  // bc has the lower rank; then no a+bc
  CHECK(encode(*tokenizer, "ab") == Ids{257});
  CHECK(encode(*tokenizer, "aaa") == Ids{259});
  CHECK(encode(*tokenizer, "aaaa") == Ids{258, 258});
  CHECK(encode(*tokenizer, "aaaaa") == Ids{258, 259});
  // The same by the heap that long pieces take: 2k + 1 letters.
  for (const int size : {47, 48, 49, 51, 129, 1001}) {
    Ids expected(static_cast<std::size_t>(size / 2 - 1), 258);
    expected.push_back(size % 2 ? 259 : 258);
    CHECK(encode(*tokenizer, std::string(static_cast<std::size_t>(size), 'a')) == expected);
  }
  CHECK(tokenizer->eos_token() == "<eos>");
  CHECK(tokenizer->eos_id() == 261);
}

TEST_CASE("short and long pieces are merged alike") {
  std::vector<std::pair<std::string, std::string>> merges{{"a", "b"},   {"b", "a"},   {"c", "c"},     {"ab", "a"}, {"ba", "b"},
                                                          {"cc", "ab"}, {"aba", "c"}, {"bab", "bab"}, {"a", "a"}};
  const auto tokenizer = tokenizer_from_json(small_model(merges, nlohmann::json::array({special("<eos>")})).dump(), "test");
  // A piece between two of its own kind of boundary gives the same ids alone and as a whole: 'z' merges with nothing.
  const std::uint64_t key = random_key(5, "letters");
  std::string together;
  Ids expected;
  for (std::uint64_t i = 0, draw = 0; i < 200; ++i) {
    std::string part;
    for (int size = static_cast<int>(random_uniform(key, draw++) * 40) + 1; size > 0; --size)
      part += "abc"[static_cast<int>(random_uniform(key, draw++) * 3)];
    const auto ids = encode(*tokenizer, part);
    expected.insert(expected.end(), ids.begin(), ids.end());
    expected.push_back('z');
    together += part + "z";
  }
  REQUIRE(together.size() > 1000);
  CHECK(encode(*tokenizer, together) == expected);
}

TEST_CASE("ignore_merges takes pieces of the vocabulary whole") {
  auto file = small_model({{"a", "b"}, {"c", "d"}}, nlohmann::json::array({special("</s>")}));
  file["model"]["vocab"]["abcd"] = 258;
  file["added_tokens"][0]["id"] = 259;
  CHECK(encode(*tokenizer_from_json(file.dump(), "test"), "abcd abcd") == Ids{256, 257, ' ', 256, 257});
  file["model"]["ignore_merges"] = true;
  CHECK(encode(*tokenizer_from_json(file.dump(), "test"), "abcd abcd") == Ids{258, ' ', 256, 257});
}

TEST_CASE("added tokens are found as Hugging Face finds them") {
  const auto added = nlohmann::json::array({special("<|endoftext|>"),
                                            special("<|end"),
                                            {{"content", "<t>"}, {"special", false}, {"lstrip", true}, {"rstrip", true}},
                                            {{"content", "\u01FA"}, {"normalized", true}}});
  auto file = small_model({}, added);
  file["normalizer"] = {{"type", "NFC"}};
  const auto tokenizer = tokenizer_from_json(file.dump(), "test");
  CHECK(encode(*tokenizer, "a<|endoftext|>b", true) == Ids{'a', 256, 'b'});
  CHECK(encode(*tokenizer, "a<|endo", true) == Ids{'a', 257, 'o'});
  CHECK(encode(*tokenizer, "a<|endo") == Ids{'a', '<', '|', 'e', 'n', 'd', 'o'});
  CHECK(encode(*tokenizer, "a \u3000<t>\n b") == Ids{'a', 258, 'b'});
  CHECK(encode(*tokenizer, "A\u030A\u0301x") == Ids{259, 'x'});
  CHECK(tokenizer->bytes_of(256) == 0);
  CHECK(tokenizer->bytes_of(258) == 3);
  CHECK(tokenizer->decode(Ids{'a', 256, 258, 259, 9999, -1}) == "a<|endoftext|><t>\u01FA");
  CHECK(tokenizer->vocab_size() == 260);
}

TEST_CASE("every character and every byte has ids that give it back") {
  const auto bytes = make_bytes_tokenizer();
  CHECK(bytes->vocab_size() == 257);
  CHECK(bytes->eos_id() == 256);
  std::string text;
  for (char32_t c = 0; c < 0x110000; ++c) {
    if (c >= 0xD800 && c < 0xE000) continue;
    append_code_point(text, c);
    if (c % 5 == 0) text += ' ';
  }
  BpeTrainer trainer({.vocab_size = 2000, .threads = 2});
  trainer.add(text);
  for (const auto& tokenizer : {bytes, trainer.finish()}) {
    const auto ids = encode(*tokenizer, text);
    CHECK(tokenizer->decode(ids) == text);
    std::int64_t total = 0;
    for (const auto id : ids) total += tokenizer->bytes_of(id);
    CHECK(total == static_cast<std::int64_t>(text.size()));
  }
  CHECK(encode(*bytes, "a\n\xC3\xA9") == Ids{'a', '\n', 0xC3, 0xA9});
}

TEST_CASE("several threads may encode at once") {
  std::string text;
  const std::uint64_t key = random_key(3, "words");
  for (std::uint64_t i = 0; i < 60000; ++i) {
    text += ' ';
    for (std::uint64_t n = 0; n <= i % 7; ++n) text += static_cast<char>('a' + static_cast<int>(random_uniform(key, i * 7 + n) * 26));
  }
  BpeTrainer trainer({.vocab_size = 1000, .threads = 1});
  trainer.add(text);
  const auto trained = trainer.finish();
  const Ids expected = encode(*tokenizer_from_json(trained->json(), "test"), text);
  const auto fresh = tokenizer_from_json(trained->json(), "test");
  std::vector<Ids> found(4);
  std::vector<std::thread> threads;
  for (auto& ids : found) threads.emplace_back([&] { fresh->encode(text, ids); });
  for (auto& thread : threads) thread.join();
  for (const auto& ids : found) CHECK(ids == expected);
}
