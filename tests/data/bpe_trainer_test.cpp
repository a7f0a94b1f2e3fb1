#include "data/bpe_trainer.hpp"

#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "core/base/error.hpp"
#include "core/base/random.hpp"
#include "data/chunk_cut.hpp"
#include "tests/support/catch.hpp"

using namespace sluice;
using namespace sluice::data;

namespace {

TokenizerPtr train(const std::vector<std::string>& texts, std::int64_t vocab_size, int threads = 1, std::int64_t min_frequency = 0) {
  BpeTrainer trainer({.vocab_size = vocab_size, .threads = threads, .min_frequency = min_frequency});
  for (const auto& text : texts) trainer.add(text);
  return trainer.finish();
}

std::vector<std::string> merges_of(const Tokenizer& tokenizer) {
  std::vector<std::string> merges;
  const auto json = nlohmann::json::parse(tokenizer.json());
  for (const auto& pair : json["model"]["merges"]) merges.push_back(pair[0].get<std::string>() + " " + pair[1].get<std::string>());
  return merges;
}

/// Words of a few syllables, so that pairs repeat; with lines, digits, accents and CJK among them.
std::string generated_text(std::uint64_t seed, std::size_t words) {
  const char* const syllables[] = {"the", "in", "g", "ou", "ra", "tion", "é", "s", "12", "字", "-", "qu", "'s", "ab"};
  const char* const gaps[] = {" ", " ", " ", "  ", "\n", "\n\n", ", ", ". "};
  const std::uint64_t key = random_key(seed, "text");
  std::string text;
  std::uint64_t draw = 0;
  const auto pick = [&](std::uint64_t size) {
    draw += 2;
    return static_cast<std::size_t>(random_uniform(key, draw) * random_uniform(key, draw + 1) * static_cast<double>(size));
  };
  for (std::size_t w = 0; w < words; ++w) {
    for (std::size_t s = 0; s <= pick(4); ++s) text += syllables[pick(14)];
    text += gaps[pick(8)];
  }
  return text;
}

}  // namespace

TEST_CASE("merges are those of Hugging Face's BpeTrainer") {
  std::string text;
  const auto repeat = [&](const char* word, int times) {
    for (int i = 0; i < times; ++i) text += (text.empty() ? "" : " ") + std::string(word);
  };
  repeat("low", 5);
  repeat("lower", 2);
  repeat("newest", 6);
  repeat("widest", 3);
  const auto tokenizer = train({text}, 257 + 14);
  CHECK(merges_of(*tokenizer) == std::vector<std::string>{"e s", "es t", "l o", "lo w", "e w", "n ew", "Ġ low", "Ġ new", "Ġnew est",
                                                          "d est", "i dest", "w idest", "Ġ widest", "e r"});
  CHECK(tokenizer->vocab_size() == 271);
  CHECK(tokenizer->eos_id() == 0);
  CHECK(tokenizer->eos_token() == "<|endoftext|>");
  std::vector<std::int32_t> ids;
  tokenizer->encode("newest lowest wider, newer<|endoftext|>", ids, true);
  CHECK(ids == std::vector<std::int32_t>{262, 258, 263, 258, 221, 87, 73, 68, 270, 12, 264, 270, 0});
  ids.clear();
  tokenizer->encode("newest <|endoftext|>é", ids);
  CHECK(ids == std::vector<std::int32_t>{262, 258, 221, 28, 92, 69, 78, 68, 79, 70, 84, 69, 88, 84, 92, 30, 128, 103});
}

TEST_CASE("pairs that overlap themselves are counted as Hugging Face counts them") {
  CHECK(merges_of(*train({"aaaa abab aaa aaaaa bab"}, 257 + 12)) ==
        std::vector<std::string>{"a a", "a b", "Ġ aa", "b ab", "Ġ ab", "Ġ bab", "aa a", "aa aa", "Ġaa a", "Ġaa aaa", "Ġab ab"});
}

TEST_CASE("the tokenizer does not depend on threads or on how text is handed over") {
  std::vector<std::string> documents;
  std::string whole;
  for (std::uint64_t i = 0; i < 40; ++i) documents.push_back(generated_text(i, 2000));
  const auto alone = train(documents, 700);
  CHECK(alone->vocab_size() == 700);
  for (const int threads : {2, 3, 8}) CHECK(train(documents, 700, threads)->json() == alone->json());
  // Long enough to be counted without gathering, in blocks; cut into documents where the splitter cuts anyway.
  for (int i = 0; i < 60; ++i)
    for (const auto& document : documents) whole += document;
  REQUIRE(whole.size() > (std::size_t{9} << 20));
  std::vector<std::string> parts;
  for (std::size_t begin = 0; begin < whole.size();) {
    const std::size_t end = next_certain_cut(whole, std::min(begin + 99991, whole.size()));
    parts.push_back(whole.substr(begin, end - begin));
    begin = end;
  }
  CHECK(parts.size() > 50);
  CHECK(train({whole}, 500, 3)->json() == train(parts, 500, 1)->json());
}

TEST_CASE("training stops when no pair is left or frequent enough") {
  CHECK(train({}, 1000)->vocab_size() == 257);
  CHECK(train({"ab"}, 1000)->vocab_size() == 258);
  CHECK(train({"ab ab cd"}, 1000, 1, 2)->vocab_size() == 258);
  CHECK(train({"ab ab cd"}, 257)->vocab_size() == 257);
}

TEST_CASE("learning merges tells how far it is") {
  const auto told = [](std::int64_t vocab_size) {
    BpeTrainer trainer({.vocab_size = vocab_size, .threads = 2});
    trainer.add(generated_text(3, 3000));
    std::vector<std::pair<std::uint64_t, std::uint64_t>> steps;
    const auto tokenizer = trainer.finish([&](const Progress& progress) {
      if (progress.activity != "learning merges") return;
      CHECK(progress.unit == "merges");
      CHECK(progress.done <= progress.total);
      CHECK((steps.empty() || progress.done >= steps.back().first));
      steps.emplace_back(progress.done, progress.total);
    });
    REQUIRE(steps.size() >= 2);
    CHECK(steps.front() == std::pair<std::uint64_t, std::uint64_t>(0, static_cast<std::uint64_t>(vocab_size) - 257));
    CHECK(steps.back().first == static_cast<std::uint64_t>(tokenizer->vocab_size()) - 257);
    CHECK(steps.back().second == steps.back().first);
    return tokenizer->vocab_size();
  };
  CHECK(told(500) == 500);
  CHECK(told(100000) < 100000);
}

TEST_CASE("options that make no sense are usage errors") {
  for (const auto& options : {BpeTrainerOptions{.vocab_size = 256}, BpeTrainerOptions{.vocab_size = 300, .threads = 0}}) {
    try {
      BpeTrainer trainer(options);
      FAIL("no error");
    } catch (const Error& error) {
      CHECK(error.code() == ExitCode::kUsage);
    }
  }
}

TEST_CASE("a trained tokenizer gives text back and counts its bytes") {
  const auto tokenizer = train({generated_text(1, 3000)}, 600);
  std::string text = generated_text(2, 500) + "🏳️‍🌈 \u0085\u180E\t\r\n\0 <|endoftext|>";
  for (int c = 0; c < 0x80; ++c) text += static_cast<char>(c);
  text += std::string(1000, 'a') + std::string(300, ' ') + "漢字漢字";
  std::vector<std::int32_t> ids;
  tokenizer->encode(text, ids);
  CHECK(tokenizer->decode(ids) == text);
  CHECK(ids.size() < text.size());
  std::int64_t bytes = 0;
  for (const auto id : ids) bytes += tokenizer->bytes_of(id);
  CHECK(bytes == static_cast<std::int64_t>(text.size()));
  CHECK(tokenizer->bytes_of(tokenizer->eos_id()) == 0);
}
