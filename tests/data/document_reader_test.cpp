#include "data/document_reader.hpp"

#include "core/base/random.hpp"
#include "tests/data/data_support.hpp"
#include "tests/support/catch.hpp"

#include <memory>
#include <string>
#include <vector>

using namespace sluice;
using namespace sluice::data;

namespace {

struct Read {
  std::vector<std::string> documents;
  std::vector<std::string> pieces;
  std::vector<std::uint64_t> hashes;
  std::uint64_t faults = 0;
};

Read read_all(const std::string& path, ReadOptions options = {}) {
  const auto files = find_source_files(path);
  DocumentReader reader(files.at(0), std::move(options));
  Read result;
  bool inside = false;
  for (TextPiece piece; reader.next(piece);) {
    REQUIRE(piece.begins_document == !inside);
    REQUIRE_FALSE(piece.text.empty());
    if (piece.begins_document) result.documents.emplace_back();
    result.documents.back() += piece.text;
    result.pieces.push_back(piece.text);
    if (piece.ends_document) result.hashes.push_back(piece.document_hash);
    inside = !piece.ends_document;
  }
  REQUIRE_FALSE(inside);
  result.faults = reader.utf8().faults();
  return result;
}

ReadOptions with_pieces(std::size_t bytes) { return {"text", InvalidUtf8::kReplace, bytes}; }

/// Words, punctuation and lines, some not ASCII, some bytes not UTF-8.
std::string sample_text(std::size_t words, bool damaged) {
  static const std::vector<std::string> vocabulary = {
      "the", "caf\u00E9", "of", "\u4E2D\u6587", "1234567", "don't", "\u0416\u0443\u043A", "a", "(see)", "end.\n", "\U0001F600"};
  std::string text;
  for (std::size_t i = 0; i < words; ++i) {
    text += vocabulary[static_cast<std::size_t>(random_uniform(5, i) * static_cast<double>(vocabulary.size()))];
    text += random_uniform(6, i) < 0.1 ? "\n\n" : " ";
    if (damaged && i % 997 == 0) text += "\xE9 ";
  }
  return text;
}

}  // namespace

TEST_CASE("a text file is one document, plain or compressed, in one member or several") {
  const TemporaryFolder folder;
  const std::string text = sample_text(200000, false);
  const std::size_t half = text.size() / 2;
  const std::string skippable("\x50\x2A\x4D\x18\x03\x00\x00\x00xyz", 11);
  const std::vector<std::string> files = {
      folder.write("a.txt", text),
      folder.write("a.txt.gz", gzip(text)),
      folder.write("b.txt.gz", gzip(text.substr(0, half)) + gzip("") + gzip(text.substr(half)) + std::string(512, '\0')),
      folder.write("a.txt.zst", zstd(text)),
      folder.write("b.txt.zst", zstd(text.substr(0, half)) + skippable + zstd(text.substr(half))),
  };
  for (const std::string& file : files) {
    INFO(file);
    const Read got = read_all(file);
    REQUIRE(got.documents.size() == 1);
    REQUIRE(got.documents[0] == text);
    REQUIRE(got.hashes[0] == hash64(text));
    REQUIRE(got.pieces.size() > 1);
    for (const std::string& piece : got.pieces) REQUIRE(piece.size() <= (1u << 20));
  }
}

TEST_CASE("cut documents give the ids of whole ones") {
  const TemporaryFolder folder;
  const std::string text = sample_text(5000, true);
  const std::string file = folder.write("a.txt", text);
  const Read whole = read_all(file, with_pieces(std::size_t{1} << 30));
  REQUIRE(whole.pieces.size() == 1);
  REQUIRE(whole.faults == 6);
  for (const Splitter splitter : {Splitter::kGpt2, Splitter::kLlama3, Splitter::kQwen2}) {
    const PreTokenTokenizer tokenizer(splitter);
    std::vector<std::int32_t> expected;
    tokenizer.encode(whole.pieces[0], expected, false);
    for (const std::size_t bytes : {std::size_t{16}, std::size_t{57}, std::size_t{1000}, std::size_t{4096}}) {
      const Read cut = read_all(file, with_pieces(bytes));
      REQUIRE(cut.pieces.size() > 5);
      REQUIRE(cut.faults == whole.faults);
      REQUIRE(cut.hashes == whole.hashes);
      std::vector<std::int32_t> ids;
      for (const std::string& piece : cut.pieces) tokenizer.encode(piece, ids, false);
      REQUIRE((ids == expected));
    }
  }
}

TEST_CASE("a text without a safe place to cut stays whole") {
  const TemporaryFolder folder;
  const std::string text(5000, 'x');
  const Read got = read_all(folder.write("a.txt", text + " y"), with_pieces(64));
  REQUIRE(got.pieces == std::vector<std::string>{text + " y"});
}

TEST_CASE("each line of a JSONL file is a document") {
  const TemporaryFolder folder;
  const std::string lines =
      "{\"text\": \"one \\u00e9 \\ud83d\\ude00\", \"id\": 1}\n\r\n   \n{\"id\": [1, {\"text\": \"inner\"}], \"text\": "
      "\"two\\nlines\"}\r\n{\"text\": \"\"}\n"
      "{\"meta\": {\"text\": \"inner\"}, \"text\": \"bad \xFF byte\"}\n{\"text\": \"last, no newline\"}";
  const std::vector<std::string> expected = {"one \u00E9 \U0001F600", "two\nlines", "bad \uFFFD byte", "last, no newline"};
  for (const std::string& file :
       {folder.write("a.jsonl", lines), folder.write("a.jsonl.gz", gzip(lines)), folder.write("a.jsonl.zst", zstd(lines))}) {
    const Read got = read_all(file);
    REQUIRE(got.documents == expected);
    REQUIRE(got.pieces.size() == 4);
    REQUIRE(got.faults == 1);
  }
  // Documents longer than a piece, lines longer than a block.
  std::string text = sample_text(100000, false), json;
  for (const char c : text) json += c == '\n' ? std::string("\\n") : std::string(1, c);
  const Read big = read_all(folder.write("b.jsonl", "{\"text\":\"" + json + "\"}\n{\"text\":\"x\"}\n"), with_pieces(10000));
  REQUIRE(big.documents == std::vector<std::string>{text, "x"});
  REQUIRE(big.pieces.size() > 50);
  REQUIRE(big.hashes == std::vector<std::uint64_t>{hash64(text), hash64("x")});
}

TEST_CASE("lone surrogates in JSONL are replaced, counted and located in the stream, or refused") {
  const TemporaryFolder folder;
  const std::string lines =
      "{\"text\": \"\xFF fine\"}\n"
      "{\"text\": \"a\\ud83d \xF0\x9F b\\uDC00\\ud83d\\ude00\\ud83d\\ud83d\\uDE00c\"}\n"
      "{\"title\": \"\\udbff\", \"text\": \"no escape: \\\\ud83d\"}\n{\"text\": \"\xE9\"}\n";
  const std::vector<std::string> documents = {"\uFFFD fine", "a\uFFFD \uFFFD b\uFFFD\U0001F600\uFFFD\U0001F600c", "no escape: \\ud83d",
                                              "\uFFFD"};
  const std::string file = folder.write("a.jsonl", lines);
  REQUIRE(read_all(file).documents == documents);
  REQUIRE(read_all(folder.write("a.jsonl.gz", gzip(lines))).documents == documents);
  DocumentReader reader(find_source_files(file).at(0), {});
  for (TextPiece piece; reader.next(piece);) {}
  const Utf8Repairer& utf8 = reader.utf8();
  REQUIRE(utf8.faults() == 7);
  REQUIRE(utf8.located().size() == 7);
  std::vector<std::string> expected;
  for (const char* part : {"\xFF", "\\ud83d", "\xF0\x9F", "\\uDC00", "\\ud83d", "\\udbff", "\xE9"}) expected.emplace_back(part);
  for (std::size_t i = 0, after = 0; i < expected.size(); ++i) {
    const Utf8Fault& fault = utf8.located()[i];
    REQUIRE(fault.bytes == expected[i]);
    REQUIRE(lines.compare(fault.offset, fault.bytes.size(), fault.bytes) == 0);
    REQUIRE(fault.offset >= after);
    after = fault.offset + fault.bytes.size();
  }
  REQUIRE(utf8.located()[4].offset == lines.find("\\ud83d\\ud83d"));  // the one before the pair, not the pair's own

  const ReadOptions strict{"text", InvalidUtf8::kError};
  const std::string clean = "{\"text\": \"fine\"}\n{\"text\": \"cut \\ud83d\"}\n";
  const std::string refused = folder.write("b.jsonl", clean);
  REQUIRE(error_of([&] { read_all(refused, strict); }) ==
          fmt::format("3: {}: lone surrogate \\ud83d at byte {}: half of a pair, no character; write the text anew, or set "
                      "data.invalid_utf8: replace",
                      refused, clean.find("\\ud83d")));
  REQUIRE(read_all(folder.write("c.jsonl", "{\"text\": \"\\ud83d\\ude00\"}\n"), strict).documents[0] == "\U0001F600");
  // More than are located, in lines far apart; all are counted.
  std::string many;
  for (int i = 0; i < 100; ++i) many += "{\"text\": \"" + std::string(9000, 'x') + "\\udc80\"}\n";
  DocumentReader counting(find_source_files(folder.write("d.jsonl", many)).at(0), {});
  for (TextPiece piece; counting.next(piece);) REQUIRE(piece.text == std::string(9000, 'x') + "\uFFFD");
  REQUIRE(counting.utf8().faults() == 100);
  REQUIRE(counting.utf8().located().size() == Utf8Repairer::kLocated);
  REQUIRE(counting.utf8().located()[7].offset == 7 * many.size() / 100 + 10 + 9000);
}

TEST_CASE("a byte-order mark at the start of a file is no text, and places are counted with it") {
  const TemporaryFolder folder;
  const std::string mark = "\xEF\xBB\xBF", text = "caf\xE9 and " + mark + "more\r\n";
  const std::vector<std::string> expected = {"caf\uFFFD and " + mark + "more\r\n"};
  for (const std::string& file : {folder.write("a.txt", mark + text), folder.write("a.txt.gz", gzip("\xEF") + gzip("\xBB\xBF" + text)),
                                  folder.write("a.txt.zst", zstd(mark + text))}) {
    DocumentReader reader(find_source_files(file).at(0), {});
    for (TextPiece piece; reader.next(piece);) {}
    REQUIRE(reader.utf8().located().at(0).offset == 6);
    REQUIRE(read_all(file).documents == expected);
    REQUIRE(begins_with_mark(find_source_files(file).at(0)));
  }
  REQUIRE(read_all(folder.write("only.txt", mark)).documents.empty());
  REQUIRE(read_all(folder.write("short.txt", "\xEF\xBB")).documents == std::vector<std::string>{"\uFFFD"});
  REQUIRE_FALSE(begins_with_mark(find_source_files(folder.write("plain.txt", "words")).at(0)));
  REQUIRE_FALSE(begins_with_mark(find_source_files(folder.write("empty.txt", "")).at(0)));
  // JSONL: the line that follows the mark, or nothing.
  const std::string lines = mark + "{\"text\": \"one \\ud83d\"}\n{\"text\": \"two\"}";
  DocumentReader reader(find_source_files(folder.write("a.jsonl", lines)).at(0), {});
  std::string all;
  for (TextPiece piece; reader.next(piece);) all += piece.text + "|";
  REQUIRE(all == "one \uFFFD|two|");
  REQUIRE(reader.utf8().located().at(0).offset == lines.find("\\ud83d"));
  REQUIRE(read_all(folder.write("only.jsonl", mark)).documents.empty());
}

TEST_CASE("documents without text and pages are counted") {
  const TemporaryFolder folder;
  const auto read = [&](const std::string& file) {
    auto reader = std::make_unique<DocumentReader>(find_source_files(file).at(0), ReadOptions{});
    for (TextPiece piece; reader->next(piece);) {}
    return reader;
  };
  const auto lines = read(folder.write("a.jsonl", "{\"text\": \"\"}\n\n{\"text\": \"x\"}\n{\"text\": \"\"}\n"));
  REQUIRE(lines->documents() == 1);
  REQUIRE(lines->empty_lines() == 2);
  REQUIRE(lines->located_empty_lines() == std::vector<std::uint64_t>{1, 4});
  REQUIRE(read(folder.write("a.txt", ""))->documents() == 0);
  REQUIRE_FALSE(read(folder.write("b.txt", "<p>"))->begins_as_page());
  const auto page = read(folder.write("c.txt", "<!DOCTYPE html><p>not found"));
  REQUIRE(page->begins_as_page());
  REQUIRE(page->documents() == 1);
}

TEST_CASE("bad JSON lines are named by file and line") {
  const TemporaryFolder folder;
  const auto error = [&](const std::string& line, const std::string& key = "text") {
    const std::string file = folder.write("a.jsonl", "{\"text\": \"fine\", \"body\": \"fine\"}\n\n" + line + "\n");
    const std::string message = error_of([&] { read_all(file, {key, InvalidUtf8::kReplace, 1 << 20}); });
    const std::string prefix = "3: " + file + ":3: ";
    REQUIRE(message.substr(0, prefix.size()) == prefix);
    REQUIRE(message.find('\n') == std::string::npos);
    return message.substr(prefix.size());
  };
  REQUIRE(contains(error("{\"text\": \"cut"), "not JSON, near column 1"));
  REQUIRE(contains(error("plain words"), "not JSON, near column 1:"));
  REQUIRE(contains(error("{\"text\": \"a\"} {\"text\": \"b\"}"), "not JSON"));
  REQUIRE(contains(error("{\"text\": \"a\\ud800b\", cut"), "not JSON, near column 22"));
  REQUIRE(contains(error("{\"text\": \"a\\ud80\"}"), "not JSON"));
  REQUIRE(error("[\"text\", \"a\"]") == "expected a JSON object with the key 'text', found an array");
  REQUIRE(error("\"text\"") == "expected a JSON object with the key 'text', found a string");
  REQUIRE(error("3") == "expected a JSON object with the key 'text', found a number");
  REQUIRE(error("{\"content\": \"a\", \"id\": 1}") ==
          "no key 'text' (keys there: 'content', 'id'); set data.text_key (of a command: --text-key)");
  REQUIRE(error("{}", "body") == "no key 'body' (keys there: none); set data.text_key (of a command: --text-key)");
  REQUIRE(error("{\"text\": \"a\", \"id\": {\"text\": 1}, \"text\": \"b\"}") == "the key 'text' is there 2 times; expected once");
  REQUIRE(error("{\"text\": null}") == "the key 'text' holds null, expected a string");
  REQUIRE(error("{\"text\": [\"a\"]}") == "the key 'text' holds an array, expected a string");
  REQUIRE(error("{\"text\": {\"text\": \"a\"}}") == "the key 'text' holds an object, expected a string");
  REQUIRE(error("{\"text\": 1.5, \"a\": {\"b\": [\"text\"]}}") == "the key 'text' holds a number, expected a string");
  REQUIRE(error("{\"text\": \"" + std::string(100000, 'x')).size() < 400);
}

TEST_CASE("damaged and wrongly named compressed files are named") {
  const TemporaryFolder folder;
  const std::string text = sample_text(50000, false);
  const std::string gz = gzip(text), zst = zstd(text);
  const auto error = [&](const std::string& name, const std::string& content) {
    const std::string file = folder.write(name, content);
    const std::string message = error_of([&] { read_all(file); });
    REQUIRE(contains(message, "3: " + file + ": "));
    return message;
  };
  for (const std::size_t cut : {std::size_t{1}, std::size_t{5}, std::size_t{1000}, gz.size() / 2, gz.size() - 1})
    REQUIRE(contains(error("a.txt.gz", gz.substr(0, cut)), fmt::format("the gzip stream is cut short: it ends after {} bytes", cut)));
  for (const std::size_t cut : {std::size_t{1}, std::size_t{5}, std::size_t{1000}, zst.size() / 2, zst.size() - 1})
    REQUIRE(contains(error("a.txt.zst", zst.substr(0, cut)), fmt::format("the zstd stream is cut short: it ends after {} bytes", cut)));
  // The second member or frame is cut.
  REQUIRE(contains(error("b.txt.gz", gz + gz.substr(0, 100)), "cut short"));
  REQUIRE(contains(error("b.txt.zst", zst + zst.substr(0, 100)), "cut short"));
  REQUIRE(contains(error("e.txt.gz", ""), "cut short"));
  REQUIRE(contains(error("e.txt.zst", ""), "cut short"));
  REQUIRE(contains(error("c.txt.gz", "plain text that is long enough to be no header"), "not a gzip file"));
  REQUIRE(contains(error("c.txt.zst", "plain text that is long enough to be no header"), "not a zstd file"));
  for (const auto& [name, kind] : {std::pair("s.txt.gz", "a gzip file"), std::pair("s.jsonl.gz", "a gzip file"),
                                   std::pair("s.txt.zst", "a Zstandard file"), std::pair("s.jsonl.zst", "a Zstandard file")}) {
    const auto stand_in = [&](const char* content, const std::string& what) {
      REQUIRE(contains(error(name, content), fmt::format(fmt::runtime(what), fmt::arg("kind", kind))));
    };
    stand_in("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n", ": a Git LFS pointer, not {kind}: git lfs pull");
    stand_in("/annex/objects/SHA256E-s5--00.txt.gz\n", ": a git-annex pointer, not {kind}: git annex get");
    stand_in("<!DOCTYPE html><html>404", ": an HTML page, not {kind}: the download failed?");
    stand_in("%PDF-1.7 and so on", ": a PDF document, not {kind}: name it after what it is");
  }
  REQUIRE(contains(error("z.txt.gz", zst), ": a Zstandard file, not a gzip file: name it"));
  REQUIRE(contains(error("g.txt.zst", gz), ": a gzip file, not a Zstandard file: name it"));
  REQUIRE(contains(error("d.txt.gz", gz + std::string(100, '\0') + "x"), "neither a new member nor zero padding"));
  std::string flipped = gz;
  flipped[flipped.size() / 2] = static_cast<char>(flipped[flipped.size() / 2] ^ 0x10);
  REQUIRE(contains(error("f.txt.gz", flipped), "the gzip stream is damaged"));
}

TEST_CASE("binary files and other encodings are refused with the place") {
  const TemporaryFolder folder;
  const auto error = [&](const std::string& content) { return error_of([&] { read_all(folder.write("a.txt", content)); }); };
  REQUIRE(contains(error("ELF" + std::string(3, '\0')), "a.txt: looks binary: NUL byte at byte 3; expected UTF-8 text"));
  REQUIRE(contains(error(std::string(600000, 'a') + std::string(1, '\0')), "NUL byte at byte 600000"));
  REQUIRE(contains(error(std::string("\xFF\xFEh\0i\0", 6)), "a.txt: UTF-16 text, not UTF-8 text: iconv -f UTF-16 -t UTF-8"));
  REQUIRE(contains(error("\xFE\xFF\x4E\x2D\x65\x87"), "UTF-16 text"));  // no NUL in it
  REQUIRE(contains(error("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n"),
                   "a.txt: a Git LFS pointer, not UTF-8 text: git lfs pull"));
  REQUIRE(contains(error(gzip("words")), "a.txt: a gzip file, not UTF-8 text: unpack or convert it (compressed text is read as .txt.gz"));
  REQUIRE(contains(error_of([&] { read_all(folder.write("a.jsonl", "<html><body>404")); }),
                   "a.jsonl: an HTML page, not UTF-8 text: the download failed?"));
  std::string cyrillic;  // KOI8-R: every letter is a byte above 127
  for (int i = 0; i < 500; ++i) cyrillic += "\xD0\xD2\xC9\xD7\xC5\xD4 ";
  REQUIRE(contains(error(cyrillic), "looks binary or not UTF-8"));
  REQUIRE(error("a few bad bytes \xE9\xE8 are replaced").empty());
}
