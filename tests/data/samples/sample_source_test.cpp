// Samples of every format, and what is said of sources that cannot be read.
#include "data/samples/sample_source.hpp"

#include "core/base/error.hpp"
#include "core/base/files.hpp"
#include "data/samples/delimited_rows.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/files_and_output.hpp"

#include <string>
#include <vector>

using namespace sluice;
using namespace sluice::data;
using namespace sluice::testing;
using namespace std::string_literals;

namespace fs = std::filesystem;

namespace {

class Folder {
 public:
  fs::path write(const std::string& name, const std::string& content) const {
    const fs::path path = folder_.path() / name;
    fs::create_directories(path.parent_path());
    write_file_atomically(path, content);
    return path;
  }
  const fs::path& path() const { return folder_.path(); }

 private:
  TemporaryDirectory folder_;
};

// The message without the folder; the exit code is that of bad data.
std::string said_of(const SampleSpec& spec) {
  try {
    open_samples(spec);
  } catch (const Error& error) {
    CHECK(error.code() == ExitCode::kData);
    const std::string text = error.what(), folder = spec.path.parent_path().string() + "/";
    CHECK(text.find('\n') == std::string::npos);
    CHECK(text.find(folder) == 0);
    return text.substr(folder.size());
  }
  return "";
}

std::string idx(const std::vector<int>& sizes, const std::string& elements, char type = 8) {
  std::string file = "\0\0"s + type + static_cast<char>(sizes.size());
  for (const int size : sizes)
    for (int shift = 24; shift >= 0; shift -= 8) file += static_cast<char>(size >> shift);
  return file + elements;
}

using Row = std::vector<std::string>;
std::vector<Row> rows_of(std::string_view content, char separator = ',') {
  std::vector<Row> rows;
  for_each_row(content, separator, "table", [&](const Row& fields, std::size_t) { rows.push_back(fields); });
  return rows;
}

}  // namespace

TEST_CASE("a manifest: every key, defaults, paths beside it") {
  const Folder folder;
  const fs::path path =
      folder.write("m.jsonl", R"({"id": 7, "text": ["a cat", "cat"], "image": "p/cat.png", "audio": "/s/cat.wav", "label": 3})"
                              "\n\n"
                              R"({"question": "what?", "answers": ["one", {"answer": "two", "answer_id": 9}], "answer_type": "other"})"
                              "\r\n"
                              R"({"text": "only text", "image": null})");
  const auto source = open_samples({path});
  REQUIRE(source->size() == 3);
  const Sample first = source->at(0), second = source->at(1), third = source->at(2);
  CHECK(first.id == "7");
  CHECK(first.text == Row{"a cat", "cat"});
  CHECK(first.image == folder.path() / "p/cat.png");
  CHECK(first.audio == "/s/cat.wav");
  CHECK(first.label == "3");
  CHECK(second.id == "3");
  CHECK(second.question == "what?");
  CHECK(second.answers == std::vector<Answer>{{"one", 1}, {"two", 9}});
  CHECK(second.answer_type == "other");
  CHECK(third.text == Row{"only text"});
  CHECK_FALSE(third.has_image());
}

TEST_CASE("a manifest that cannot be read is named with its line") {
  const Folder folder;
  const auto said = [&](const std::string& line) { return said_of({folder.write("m.jsonl", "{\"text\": \"a\"}\n" + line)}); };
  CHECK(said("{") ==
        "m.jsonl:2: not a JSON object: syntax error while parsing object key - unexpected end of input; expected string literal");
  CHECK(said("[1]") == "m.jsonl:2: array, expected a JSON object");
  CHECK(said(R"({"txt": "a"})") ==
        "m.jsonl:2: unknown key 'txt'; expected id, text, text_b, image, audio, question, answers, label, question_type or answer_type");
  CHECK(said(R"({"text": 5})") == "m.jsonl:2: 'text' is number, expected a string");
  CHECK(said(R"({"label": "a"})") == "m.jsonl:2: a sample without text, image, audio or question");
  CHECK(said(R"({"text": "a", "answers": ["b"]})") == "m.jsonl:2: answers without a question");
  CHECK(said(R"({"image": ""})") == "m.jsonl:2: 'image' is empty; leave the key out where there is none");
  CHECK(said(R"({"id": "1", "text": "a"})") == "m.jsonl:2: the id '1' occurs twice");
  CHECK(said("{\"text\": \"\xC3\x28\"}").find("m.jsonl:2: not a JSON object: ") == 0);
  CHECK(said_of({folder.write("e.jsonl", "\n")}) == "e.jsonl: no samples");
  CHECK(said_of({folder.path() / "none.jsonl"}).find("none.jsonl: ") == 0);
}

TEST_CASE("IDX files: pictures with the labels beside them") {
  const Folder folder;
  folder.write("t-labels-idx1-ubyte", idx({2}, "\x07\x02"));
  const auto source = open_samples({folder.write("t-images-idx3-ubyte", idx({2, 2, 3}, "abcdefghijkl")), SampleFormat::kIdx});
  REQUIRE(source->size() == 2);
  const Sample second = source->at(1);
  CHECK(second.label == "2");
  REQUIRE(second.pixels.has_value());
  CHECK(second.pixels->width == 3);
  CHECK(second.pixels->height == 2);
  CHECK(std::string(second.pixels->pixels.begin(), second.pixels->pixels.end()) == "ghijkl");
  const auto said = [&](const std::string& content) { return said_of({folder.write("t-images-idx3-ubyte", content), SampleFormat::kIdx}); };
  CHECK(said("P5 3 2") == "t-images-idx3-ubyte: not an IDX file");
  CHECK(said(idx({2, 6}, "abcdefghijkl")) ==
        "t-images-idx3-ubyte: an IDX file of 2 sizes and elements of type 0x08; expected 3 and bytes (0x08)");
  CHECK(said(idx({2, 2, 3}, "abcdefghijk")) == "t-images-idx3-ubyte: an IDX file of 11 elements whose sizes say 2 x 2 x 3");
  CHECK(said(idx({-1, -1, -1}, "")) ==
        "t-images-idx3-ubyte: an IDX file of 0 elements whose sizes say 4294967295 x 4294967295 x 4294967295");
  CHECK(said(idx({1, 2, 3}, "abcdef")).find("t-images-idx3-ubyte: 1 pictures, and 2 labels in ") == 0);
  CHECK(said_of({folder.write("pictures", idx({1, 2, 3}, "abcdef")), SampleFormat::kIdx}).find("pictures: the labels are looked for in ") ==
        0);
}

TEST_CASE("class folders: a picture and a sound of one stem are one sample") {
  const Folder folder;
  folder.write("set/zwei/b.PNG", "x");
  folder.write("set/zwei/a.wav", "x");
  folder.write("set/eins/a.jpg", "x");
  folder.write("set/eins/a.flac", "x");
  folder.write("set/eins/notes.md", "x");
  folder.write("set/.hidden/a.png", "x");
  const auto source = open_samples({folder.path() / "set", SampleFormat::kClassFolders});
  REQUIRE(source->size() == 3);
  CHECK(source->at(0).id == "eins/a");
  CHECK(source->at(0).label == "eins");
  CHECK(source->at(0).has_image());
  CHECK(source->at(0).has_audio());
  CHECK(source->at(1).audio == folder.path() / "set/zwei/a.wav");
  CHECK(source->at(2).image == folder.path() / "set/zwei/b.PNG");
  folder.write("set/eins/a.png", "x");
  CHECK(said_of({folder.path() / "set", SampleFormat::kClassFolders}) ==
        "set/eins/a.png: it and a.jpg are the pictures of one sample; expected one");
  folder.write("empty/drei/notes.md", "x");
  CHECK(said_of({folder.path() / "empty", SampleFormat::kClassFolders}) ==
        "empty/drei: no picture (.png, .jpg) and no sound (.wav, .flac) in the folder of this label");
}

TEST_CASE("rows of tables: quotation marks in .csv alone, empty fields, both line ends") {
  CHECK(rows_of("a,b\n1,2\n") == std::vector<Row>{{"a", "b"}, {"1", "2"}});
  CHECK(rows_of("a,b\r\n\r\n1,") == std::vector<Row>{{"a", "b"}, {"1", ""}});
  CHECK(rows_of("a,\n,b\n,") == std::vector<Row>{{"a", ""}, {"", "b"}, {"", ""}});
  CHECK(rows_of("\"a,\"\"x\"\"\nb\",c") == std::vector<Row>{{"a,\"x\"\nb", "c"}});
  CHECK(rows_of("\"\",x\n") == std::vector<Row>{{"", "x"}});
  CHECK(rows_of("a\t\"b\tc\n", '\t') == std::vector<Row>{{"a", "\"b", "c"}});
  CHECK(rows_of("").empty());
  CHECK_THROWS_AS(rows_of("\"a"), Error);
  CHECK_THROWS_AS(rows_of("\"a\"b,c"), Error);
}

TEST_CASE("tables: columns by a header or by name, ragged rows refused") {
  const Folder folder;
  const auto named = open_samples({folder.write("t.csv", "\xEF\xBB\xBFlabel,text\n1,\"good, really\"\n0,bad\n"), SampleFormat::kCsv});
  REQUIRE(named->size() == 2);
  CHECK(named->at(0).text == Row{"good, really"});
  CHECK(named->at(1).label == "0");
  const auto given = open_samples({folder.write("t.tsv", "gj04\t1\t\tOur friends.\n"), SampleFormat::kCsv, {"", "label", "", "text"}});
  CHECK(given->at(0).text == Row{"Our friends."});
  CHECK(said_of({folder.write("t.csv", "text,label\na,b,c\n"), SampleFormat::kCsv}) == "t.csv:2: 3 fields in the row, 2 columns named");
  CHECK(said_of({folder.write("t.csv", "text,text\n"), SampleFormat::kCsv}) == "t.csv:1: the column 'text' is there twice");
  CHECK(said_of({folder.write("t.csv", "sentence,label\n"), SampleFormat::kCsv})
            .find("t.csv:1: unknown column 'sentence'; expected id, text, ") == 0);
  CHECK(said_of({folder.write("t.csv", "text\n\"\xFF\"\n"), SampleFormat::kCsv}).find("t.csv:2: ") == 0);
  CHECK(said_of({folder.write("t.csv", "text,label\n"), SampleFormat::kCsv}) == "t.csv: no samples");
}

TEST_CASE("VQA: official files and easy-VQA's") {
  const Folder folder;
  folder.write("images/COCO_train2014_000000000009.jpg", "x");
  folder.write("v2_mscoco_train2014_annotations.json",
               R"({"annotations": [{"question_id": 90, "question_type": "what", "answer_type": "other",
                                    "answers": [{"answer": "net", "answer_id": 1}, {"answer": "net", "answer_id": 2}]}]})");
  const std::string questions = R"({"data_subtype": "train2014", "questions": [{"image_id": 9, "question_id": 90, "question": "What?"}]})";
  const fs::path path = folder.write("v2_OpenEnded_mscoco_train2014_questions.json", questions);
  const auto official = open_samples({path, SampleFormat::kVqa});
  REQUIRE(official->size() == 1);
  const Sample sample = official->at(0);
  CHECK(sample.id == "90");
  CHECK(sample.image == folder.path() / "images" / "COCO_train2014_000000000009.jpg");
  CHECK(sample.answers == std::vector<Answer>{{"net", 1}, {"net", 2}});
  CHECK(sample.question_type == "what");
  folder.write("images/3.png", "x");
  const auto easy = open_samples({folder.write("train_questions.json", R"([["what?", "circle", 3]])"), SampleFormat::kVqa});
  CHECK(easy->at(0).image == folder.path() / "images" / "3.png");
  CHECK(easy->at(0).answers == std::vector<Answer>{{"circle", 1}});

  folder.write("v2_mscoco_train2014_annotations.json", R"({"annotations": []})");
  CHECK(said_of({path, SampleFormat::kVqa})
            .find("v2_OpenEnded_mscoco_train2014_questions.json: question 1: question 90 has no annotation in ") == 0);
  CHECK(said_of({folder.write("q.json", R"([["what?", 3]])"), SampleFormat::kVqa}) ==
        "q.json: question 1: expected [question, answer, image]");
  CHECK(said_of({folder.write("q.json", "{}"), SampleFormat::kVqa}).find("q.json: its annotations are looked for in ") == 0);
  CHECK(said_of({folder.write("questions.json", "{"), SampleFormat::kVqa}).find("questions.json: not JSON: ") == 0);
}

TEST_CASE("text holds no samples") { CHECK_THROWS_AS(open_samples({"t.txt", SampleFormat::kText}), Error); }
