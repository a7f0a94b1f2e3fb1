#include "core/checkpoint/manifest.hpp"

#include "tests/core/checkpoint/checkpoint_fixtures.hpp"
#include "tests/support/catch.hpp"

using namespace sluice::checkpoint;

namespace {

Manifest example() {
  Manifest manifest;
  manifest.step = 1000;
  manifest.stage = "spärlich \"x\"";
  TensorFileRecord file;
  file.bytes = 1234;
  file.header = checksum_of(std::string_view("header"));
  file.tensors["w.0"] = {StoredType::kBF16, {2, 3}, checksum_of(std::string_view("w0"))};
  file.tensors["scalar"] = {StoredType::kI64, {}, checksum_of(std::string_view("s"))};
  manifest.tensor_files["model.safetensors"] = file;
  manifest.tensor_files["state/optimizer.safetensors"] = {};
  manifest.files["config.json"] = {12, checksum_of(std::string_view("c"))};
  return manifest;
}

}  // namespace

TEST_CASE("a manifest comes back as it was") {
  CHECK(parse_manifest(to_json(example()), "m") == example());
  CHECK(parse_manifest(to_json({}), "m") == Manifest{});
  CHECK(data_error_of([] { parse_manifest("", "m"); }) == "m: damaged: is empty");
  CHECK(data_error_of([] { parse_manifest("{}", "m"); }) == "m: damaged: key 'manifest' not found");
}

TEST_CASE("no flipped bit and no cut of a manifest goes unseen") {
  const std::string text = to_json(example());
  for (std::size_t i = 0; i < text.size(); ++i) {
    for (const int bit : {0, 1, 5, 7}) {
      std::string flipped = text;
      flipped[i] = static_cast<char>(flipped[i] ^ (1 << bit));
      Manifest read = example();
      const std::string message = data_error_of([&] { read = parse_manifest(flipped, "m.json"); });
      INFO("byte " << i << " bit " << bit << " of " << text);
      // White space is no content; everything else has to be noticed.
      REQUIRE((!message.empty() || read == example()));
      if (!message.empty()) REQUIRE(message.rfind("m.json: ", 0) == 0);
    }
    if (i + 1 < text.size()) REQUIRE(!data_error_of([&] { parse_manifest(text.substr(0, i), "m"); }).empty());
  }
}

TEST_CASE("a changed value, another version and a path outside the folder are named") {
  const std::string text = to_json(example());
  const auto with = [&](const std::string& from, const std::string& to) {
    std::string changed = text;
    changed.replace(changed.find(from), from.size(), to);
    return data_error_of([&] { parse_manifest(changed, "m.json"); });
  };
  CHECK(has(with("\"step\": 1000", "\"step\": 1001"), "m.json: damaged: expected checksum "));
  CHECK(has(with("\"format_version\": 1", "\"format_version\": 2"),
            "checkpoint format version 2, this program reads version 1: use a newer Sluice"));
  CHECK(has(with("sluice-checkpoint", "other"), "not a manifest of a Sluice checkpoint"));
  for (const char* path : {"../x", "/etc/passwd", "a/../../x", "manifest.json", ""}) {
    Manifest manifest;
    manifest.files[path] = {};
    CHECK(has(data_error_of([&] { parse_manifest(to_json(manifest), "m"); }), "is not a path inside the checkpoint"));
  }
}

TEST_CASE("parts of several writers merge, and no file has two") {
  Manifest whole;
  whole.step = 5;
  Manifest part = example();
  merge(whole, part);
  CHECK(whole.tensor_files == part.tensor_files);
  CHECK(whole.files == part.files);
  CHECK(whole.step == 5);
  Manifest other;
  other.files["tokenizer.json"] = {};
  merge(whole, other);
  CHECK(whole.files.size() == 2);
  CHECK(has(data_error_of([&] { merge(whole, other); }), "'tokenizer.json' was written twice"));
  Manifest clash;
  clash.files["model.safetensors"] = {};
  CHECK(has(data_error_of([&] { merge(whole, clash); }), "'model.safetensors' was written twice"));
}
