#include "tests/fuzz/targets.hpp"

#include "core/base/error.hpp"
#include "data/media/exif.hpp"
#include "data/media/media_kind.hpp"
#include "data/media/wav_length.hpp"
#include "data/samples/delimited_rows.hpp"
#include "data/samples/listed_samples.hpp"

#include <algorithm>
#include <cstdlib>
#include <utility>

namespace sluice::testing {
namespace {

using namespace std::string_literals;

template <class Work>
void allow_errors(const Work& work) {
  try {
    work();
  } catch (const Error&) {}
}

void require(bool holds) {
  if (!holds) std::abort();
}

// The part before the first byte 1, and the part behind it.
std::pair<std::string, std::string> two_files(std::string_view bytes) {
  const std::size_t at = std::min(bytes.find('\1'), bytes.size());
  return {std::string(bytes.substr(0, at)), std::string(bytes.substr(std::min(at + 1, bytes.size())))};
}

void exif(std::string_view bytes) {
  const int orientation = data::exif_orientation(bytes);
  require(orientation >= 1 && orientation <= 8);
}

void wav(std::string_view bytes) { data::wav_is_cut_short(bytes); }

void kind(std::string_view bytes) { data::media_kind(bytes); }

void rows(std::string_view bytes) {
  for (const char separator : {',', '\t'})
    allow_errors([&] {
      std::size_t before = 0;
      data::for_each_row(bytes, separator, "t", [&](const std::vector<std::string>& fields, std::size_t line) {
        require(!fields.empty() && line > before);
        before = line;
      });
    });
}

void table(std::string_view bytes) {
  allow_errors([&] { data::parse_table(bytes, {"t.csv", data::SampleFormat::kCsv}); });
  allow_errors([&] { data::parse_table(bytes, {"t.tsv", data::SampleFormat::kCsv, {"label", "", "text"}}); });
}

void manifest(std::string_view bytes) {
  allow_errors([&] {
    for (const data::Sample& sample : data::parse_manifest(bytes, "m.jsonl")) require(!sample.is_empty() && !sample.id.empty());
  });
}

void idx(std::string_view bytes) {
  auto [images, labels] = two_files(bytes);
  allow_errors([&] {
    const auto source = data::parse_idx(images, labels, "images", "labels");
    for (std::int64_t i = 0; i < source->size(); ++i) require(!source->at(i).label.empty());
  });
}

void vqa(std::string_view bytes) {
  const auto [questions, annotations] = two_files(bytes);
  allow_errors([&] { data::parse_vqa(questions, annotations, {"q.json", data::SampleFormat::kVqa, {}, "a.json", "images"}); });
}

const FuzzTarget kTargets[] = {
    {"exif",
     exif,
     {"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0"s, "MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0"s}},
    {"wav", wav, {"RIFF\x2c\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0\x40\x1f\0\0\x80\x3e\0\0\x02\0\x10\0data\x08\0\0\0abcdefgh"s}},
    {"kind", kind, {"\x89PNG\r\n\x1a\n"s, "RIFF\0\0\0\0WEBP"s, "\xFF\xFB\x90"s, "\0\0\0\0ftypheic"s}},
    {"rows", rows, {"a,b\n\"x, \"\"y\"\"\n\",2\r\n,\n", "a\tb\r\n\"c\t\n"}},
    {"table", table, {"id,text,label\n1,\"a, b\",0\n2,c,1\n", "1\t\tgood\n0\t\tbad\n", "question,answer,image\nwhat?,a,x.png\n"}},
    {"manifest",
     manifest,
     {R"({"id": 1, "text": ["a", "b"], "image": "x.png", "audio": "y.wav", "label": 3})"
      "\n"
      R"({"question": "?", "answers": ["a", {"answer": "b", "answer_id": 2, "answer_confidence": "yes"}], "question_type": "x", "answer_type": "y"})"}},
    {"idx", idx, {"\0\0\x08\x03\0\0\0\x02\0\0\0\x02\0\0\0\x01"s + "abcd" + "\1"s + "\0\0\x08\x01\0\0\0\x02"s + "xy"}},
    {"vqa",
     vqa,
     {R"({"data_subtype": "v", "questions": [{"image_id": 1, "question_id": 2, "question": "?"}]})"
      "\1"
      R"({"annotations": [{"question_id": 2, "answers": [{"answer": "a", "answer_id": 1}], "question_type": "x", "answer_type": "y"}]})",
      R"([["what?", "circle", 0]])"}},
};

}  // namespace

std::span<const FuzzTarget> fuzz_targets() { return kTargets; }

}  // namespace sluice::testing
