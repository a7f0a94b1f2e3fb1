#include <sstream>

#include "core/base/error.hpp"
#include "data/bpe_trainer.hpp"
#include "data/load_tokenizer.hpp"
#include "launch/commands/commands.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/files_and_output.hpp"

using namespace sluice;
using namespace sluice::testing;

namespace {

struct Output {
  std::string out, err;
};

Output tokenize(const TokenizeOptions& options) {
  Output result;
  result.err = captured(2, [&] { result.out = captured(1, [&] { CHECK(tokenize_command(options) == 0); }); });
  return result;
}

std::string refusal(const TokenizeOptions& options, ExitCode code) {
  std::string message;
  captured(1, [&] {
    try {
      tokenize_command(options);
    } catch (const Error& error) {
      CHECK(error.code() == code);
      message = error.what();
    }
  });
  return message;
}

std::string story() {
  std::string text;
  for (int i = 0; i < 400; ++i) text += "The miller lifted gate " + std::to_string(i % 37) + ", and the water ran to the wheel.\n";
  return text;
}

/// A folder with text and a tokenizer trained on it.
struct Fixture {
  Fixture() {
    write_text(text, story());
    std::filesystem::create_directories(folder.path() / "pages");
    write_text(folder.path() / "pages" / "a.txt", "The gate\u00a0ran\u3000to the\nwheel.");
    write_text(folder.path() / "pages" / "b.jsonl", "{\"text\": \"water\\u0000\"}\n{\"text\": \"\"}\n{\"text\": \"<|endoftext|> gate\"}\n");
    TokenizeOptions train;
    train.action = TokenizeAction::kTrain;
    train.files = {text.string()};
    train.vocab_size = 300;
    train.output = tokenizer.string();
    trained = tokenize(train);
  }
  TokenizeOptions with(TokenizeAction action) const {
    TokenizeOptions options;
    options.action = action;
    options.tokenizer = tokenizer.string();
    return options;
  }
  TemporaryDirectory folder;
  std::filesystem::path text = folder.path() / "story.txt", tokenizer = folder.path() / "new" / "folder" / "tokenizer.json";
  Output trained;
};

std::vector<std::int64_t> ids_in(const std::string& line) {
  std::istringstream in(line);
  std::vector<std::int64_t> ids;
  for (std::int64_t id = 0; in >> id;) ids.push_back(id);
  return ids;
}

}  // namespace

TEST_CASE("tokenize train writes the tokenizer that a run would train, and tells its speed") {
  const Fixture fixture;
  data::BpeTrainer trainer({.vocab_size = 300, .threads = 1});
  trainer.add(story());
  CHECK(read_file(fixture.tokenizer) == trainer.finish()->json());
  CHECK(contains(fixture.trained.out, "BPE of 300 tokens, trained on 0.0 MB"));
  CHECK(contains(fixture.trained.out, "MB/s"));
  CHECK(fixture.trained.err.empty());

  TokenizeOptions again = fixture.with(TokenizeAction::kTrain);
  again.files = {fixture.text.string()};
  again.vocab_size = 100000;
  again.output = fixture.folder.path().string();  // a folder: tokenizer.json in it
  CHECK(contains(tokenize(again).err, "no more pairs to merge"));
  CHECK(std::filesystem::exists(fixture.folder.path() / "tokenizer.json"));
}

TEST_CASE("tokenize encode and decode undo each other") {
  const Fixture fixture;
  TokenizeOptions encode = fixture.with(TokenizeAction::kEncode), decode = fixture.with(TokenizeAction::kDecode);
  encode.tokenizer = fixture.tokenizer.parent_path().string();  // the folder serves too
  for (const std::string& text : {std::string("the water ran"), std::string("  zażółć\n\n<|endoftext|>"), story()}) {
    encode.text = text;
    const std::string line = tokenize(encode).out;
    CHECK(line.find('\n') == line.size() - 1);
    decode.ids = ids_in(line);
    CHECK(tokenize(decode).out == text + "\n");
  }
  encode.text = "";
  CHECK(tokenize(encode).out == "\n");
  encode.text = "a\xff";
  const Output repaired = tokenize(encode);
  CHECK(contains(repaired.err, "--text: 1 invalid UTF-8 sequence replaced by U+FFFD: byte 1 (0xFF)"));
  decode.ids = ids_in(repaired.out);
  CHECK(tokenize(decode).out == "a\xef\xbf\xbd\n");
}

TEST_CASE("tokenize leaves byte-order marks out and tells what it does not read") {
  const Fixture fixture;
  TokenizeOptions encode = fixture.with(TokenizeAction::kEncode);
  const std::filesystem::path pages = fixture.folder.path() / "pages";
  const auto ids = [&] { return tokenize(encode).out; };
  encode.text = "Hello world";
  const std::string expected = ids();
  encode.text = "\xEF\xBB\xBFHello world";
  CHECK(ids() == expected);
  encode.text.reset();
  write_text(fixture.folder.path() / "bom.txt", "\xEF\xBB\xBFHello world");
  encode.files = {(fixture.folder.path() / "bom.txt").string()};
  CHECK(ids() == expected);

  TokenizeOptions count = fixture.with(TokenizeAction::kCount);
  write_text(pages / "c.json", "{}");
  count.files = {pages.string(), (pages / "a.txt").string()};
  const std::string err = tokenize(count).err;
  CHECK(contains(err, "warning: " + pages.string() + ": 1 file is not read: c.json (expected .txt or .jsonl"));
  CHECK(contains(err, "warning: " + pages.string() + ": 1 document without text left out: " + pages.string() + "/b.jsonl:2\n"));
  CHECK(contains(err, "warning: 1 file is named again, so its text counts once more: " + pages.string() + "/a.txt\n"));
}

TEST_CASE("tokenize reads the field of .jsonl lines that it is told") {
  const Fixture fixture;
  const std::filesystem::path file = fixture.folder.path() / "body.jsonl";
  write_text(file, "{\"body\": \"two words\"}\n");
  TokenizeOptions count = fixture.with(TokenizeAction::kCount), encode = fixture.with(TokenizeAction::kEncode);
  TokenizeOptions train = fixture.with(TokenizeAction::kTrain);
  train.output = (fixture.folder.path() / "t.json").string();
  for (TokenizeOptions* options : {&count, &encode, &train}) {
    options->files = {file.string()};
    CHECK(contains(refusal(*options, ExitCode::kData),
                   "body.jsonl:1: no key 'text' (keys there: 'body'); set data.text_key (of a command: --text-key)"));
    options->text_key = "body";
  }
  CHECK(contains(tokenize(count).out, "1 document, 9 bytes, 2 words, "));
  TokenizeOptions text = fixture.with(TokenizeAction::kEncode);
  text.text = "two words";
  CHECK(tokenize(encode).out == tokenize(text).out);
  CHECK(contains(tokenize(train).out, "trained on 0.0 MB"));
}

TEST_CASE("tokenize encode gives a line a document, special tokens on request") {
  const Fixture fixture;
  TokenizeOptions encode = fixture.with(TokenizeAction::kEncode);
  encode.files = {(fixture.folder.path() / "pages").string()};
  const auto lines_of = [&] {
    std::istringstream in(tokenize(encode).out);
    std::vector<std::vector<std::int64_t>> lines;
    for (std::string line; std::getline(in, line);) lines.push_back(ids_in(line));
    return lines;
  };
  const auto tokenizer = data::load_tokenizer(fixture.tokenizer);
  const auto expected = [&](const std::string& text, bool special) {
    std::vector<std::int32_t> ids;
    tokenizer->encode(text, ids, special);
    return std::vector<std::int64_t>(ids.begin(), ids.end());
  };
  const auto plain = lines_of();
  REQUIRE(plain.size() == 3);  // the empty document has none
  CHECK(plain[0] == expected("The gate\u00a0ran\u3000to the\nwheel.", false));
  CHECK(plain[1] == expected(std::string("water\0", 6), false));
  CHECK(plain[2] == expected("<|endoftext|> gate", false));
  CHECK(plain[2].front() != tokenizer->eos_id());
  encode.special = true;
  CHECK(lines_of()[2].front() == tokenizer->eos_id());
}

TEST_CASE("tokenize count gives documents, bytes, words and tokens of each file and of all") {
  const Fixture fixture;
  TokenizeOptions count = fixture.with(TokenizeAction::kCount), encode = fixture.with(TokenizeAction::kEncode);
  count.files = encode.files = {(fixture.folder.path() / "pages").string()};
  const std::string out = tokenize(count).out;
  const std::size_t tokens = ids_in(tokenize(encode).out).size();
  CHECK(contains(out, "a.txt: 1 document, 29 bytes, 6 words, "));
  CHECK(contains(out, "b.jsonl: 2 documents, 24 bytes, 3 words, "));
  CHECK(contains(out, "2 files: 3 documents, 53 bytes, 9 words, " + std::to_string(tokens) + " tokens"));
  // Longer than a piece: no word is counted twice or lost where pieces meet.
  std::string text;
  while (text.size() < 3000000) text += "word \u00e9t\u00e9\u3000";
  write_text(fixture.folder.path() / "long.txt", text);
  count.files = {(fixture.folder.path() / "long.txt").string()};
  const std::size_t repeats = text.size() / std::string("word \u00e9t\u00e9\u3000").size();
  CHECK(contains(tokenize(count).out, std::to_string(text.size()) + " bytes, " + std::to_string(2 * repeats) + " words, "));
  count.files.clear();
  count.text = "two words";
  CHECK(contains(tokenize(count).out, "--text: 1 document, 9 bytes, 2 words, "));
}

TEST_CASE("tokenize refuses what it cannot do in one line") {
  const Fixture fixture;
  TokenizeOptions decode = fixture.with(TokenizeAction::kDecode);
  decode.ids = {5, 300};
  const std::string outside = refusal(decode, ExitCode::kUsage);
  CHECK(contains(outside, "token id 300 is outside the vocabulary"));
  CHECK(contains(outside, "(0 to 299)"));
  write_text(fixture.folder.path() / "empty.txt", "");
  TokenizeOptions train = fixture.with(TokenizeAction::kTrain);
  train.output = (fixture.folder.path() / "t.json").string();
  train.files = {(fixture.folder.path() / "empty.txt").string()};
  CHECK(contains(refusal(train, ExitCode::kData), "empty.txt: empty, expected text"));
  CHECK_FALSE(std::filesystem::exists(train.output));
  train.files = {fixture.text.string()};
  train.output = (fixture.text / "t.json").string();  // below a file
  CHECK(contains(refusal(train, ExitCode::kUsage), "its folder cannot be made"));
  TokenizeOptions count = fixture.with(TokenizeAction::kCount);
  count.files = {(fixture.folder.path() / "absent.txt").string()};
  CHECK(contains(refusal(count, ExitCode::kData), "absent.txt"));
  count.tokenizer = fixture.text.string();
  count.files = {fixture.text.string()};
  CHECK(contains(refusal(count, ExitCode::kData), "story.txt"));
}
