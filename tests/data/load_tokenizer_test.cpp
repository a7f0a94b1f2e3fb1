#include "data/load_tokenizer.hpp"

#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>

#include "core/base/error.hpp"
#include "core/base/files.hpp"
#include "data/bpe_trainer.hpp"
#include "tests/support/catch.hpp"

using namespace sluice;
using namespace sluice::data;
using nlohmann::json;

namespace {

std::string trained_json() {
  BpeTrainer trainer({.vocab_size = 270, .threads = 1});
  trainer.add("the cat and the hat and the bat");
  return trainer.finish()->json();
}

/// The message of the data error that `text` gives.
std::string refusal(const std::string& text) {
  try {
    tokenizer_from_json(text, "t.json");
  } catch (const Error& error) {
    CHECK(error.code() == ExitCode::kData);
    const std::string message = error.what();
    CHECK(message.rfind("t.json: ", 0) == 0);
    CHECK(message.find('\n') == std::string::npos);
    return message;
  }
  return "accepted";
}

std::string refusal_of_change(const std::function<void(json&)>& change) {
  auto file = json::parse(trained_json());
  change(file);
  return refusal(file.dump());
}

bool has(const std::string& message, const std::string& part) {
  INFO(message << " should contain " << part);
  const bool found = message.find(part) != std::string::npos;
  CHECK(found);
  return found;
}

}  // namespace

TEST_CASE("a saved tokenizer is loaded from its file or folder") {
  const auto folder = std::filesystem::temp_directory_path() / "sluice_load_tokenizer_test";
  std::filesystem::create_directories(folder);
  write_file_atomically(folder / "tokenizer.json", trained_json());
  for (const auto& path : {folder, folder / "tokenizer.json"}) {
    const auto tokenizer = load_tokenizer(path);
    CHECK(tokenizer->json() == trained_json());
    std::vector<std::int32_t> ids;
    tokenizer->encode("the cat", ids);
    CHECK(tokenizer->decode(ids) == "the cat");
    CHECK(ids.size() < 5);
  }
  std::filesystem::remove_all(folder);
  CHECK_THROWS_AS(load_tokenizer(folder / "tokenizer.json"), Error);
}

TEST_CASE("the end-of-text token is the one that tokenizer_config.json names") {
  const auto folder = std::filesystem::temp_directory_path() / "sluice_tokenizer_config_test";
  std::filesystem::create_directories(folder);
  auto file = json::parse(trained_json());
  file["added_tokens"].push_back({{"id", 270}, {"content", "<stop>"}, {"special", true}});
  file["added_tokens"].push_back({{"id", 271}, {"content", "<word>"}, {"special", false}});
  write_file_atomically(folder / "tokenizer.json", file.dump());
  write_file_atomically(folder / "other.json", file.dump());
  const auto configured = [&](const std::string& config) {
    write_file_atomically(folder / "tokenizer_config.json", config);
    try {
      return load_tokenizer(folder)->eos_token();
    } catch (const Error& error) {
      CHECK(error.code() == ExitCode::kData);
      return std::string(error.what());
    }
  };
  CHECK(configured(R"({"eos_token": "<stop>"})") == "<stop>");
  CHECK(load_tokenizer(folder / "tokenizer.json")->eos_id() == 270);
  CHECK(load_tokenizer(folder, "<|endoftext|>")->eos_id() == 0);
  CHECK(load_tokenizer(folder / "other.json")->eos_id() == 0);
  CHECK(configured(R"({"eos_token": {"__type": "AddedToken", "content": "<stop>"}})") == "<stop>");
  CHECK(configured(R"({"eos_token": null})") == "<|endoftext|>");
  CHECK(configured(R"({"model_max_length": 512})") == "<|endoftext|>");
  for (const char* name : {"<nothing>", "<word>", "a"}) {
    const std::string message = configured(json{{"eos_token", name}}.dump());
    has(message, (folder / "tokenizer.json").string() + " (eos_token as in " + (folder / "tokenizer_config.json").string() + ")");
    has(message, fmt::format("end-of-text token '{}' is not among its special added tokens (<|endoftext|>, <stop>)", name));
  }
  has(configured(R"({"eos_token": 3})"), "tokenizer_config.json: 'eos_token' is 3; expected a token");
  has(configured(R"({"eos_token": {"id": 3}})"), "tokenizer_config.json: 'eos_token' is {\"id\":3}; expected a token");
  has(configured(R"({"eos_token")"), "tokenizer_config.json: not a JSON object");
  std::filesystem::remove_all(folder);
}

TEST_CASE("settings that change nothing here are accepted") {
  CHECK(refusal_of_change([](json& file) {
          file["post_processor"] = {{"type", "TemplateProcessing"}, {"single", json::array()}};
          file["truncation"] = {{"max_length", 4}};
          file["normalizer"] = {{"type", "NFC"}};
          file["model"]["unk_token"] = "<|endoftext|>";
          file["model"]["end_of_word_suffix"] = "";
          file["model"].erase("type");
        }) == "accepted");
}

TEST_CASE("what is not supported is named") {
  has(refusal_of_change([](json& file) { file["version"] = "2.0"; }), "version \"2.0\"");
  has(refusal_of_change([](json& file) { file["model"]["type"] = "Unigram"; }), "model Unigram is not supported");
  has(refusal_of_change([](json& file) { file["model"]["dropout"] = 0.1; }), "dropout 0.1");
  has(refusal_of_change([](json& file) { file["model"]["end_of_word_suffix"] = "</w>"; }), "end_of_word_suffix \"</w>\"");
  has(refusal_of_change([](json& file) { file["normalizer"] = {{"type", "Lowercase"}}; }), "normalizer Lowercase");
  has(refusal_of_change([](json& file) { file["decoder"] = {{"type", "Metaspace"}}; }), "decoder Metaspace");
  has(refusal_of_change([](json& file) { file["decoder"] = nullptr; }), "decoder null");
  has(refusal_of_change([](json& file) { file["pre_tokenizer"] = nullptr; }), "pre_tokenizer null");
  has(refusal_of_change([](json& file) { file["pre_tokenizer"] = {{"type", "Metaspace"}}; }), "pre_tokenizer Metaspace");
  has(refusal_of_change([](json& file) { file["pre_tokenizer"]["add_prefix_space"] = true; }), "add_prefix_space true");
  const json byte_level{{"type", "ByteLevel"}, {"add_prefix_space", false}, {"use_regex", false}};
  const auto split = [&](const std::string& pattern, const std::string& behavior) {
    return [=](json& file) {
      file["pre_tokenizer"] = {
          {"type", "Sequence"},
          {"pretokenizers",
           {{{"type", "Split"}, {"pattern", {{"Regex", pattern}}}, {"behavior", behavior}, {"invert", false}}, byte_level}}};
    };
  };
  has(refusal_of_change(split("\\w+", "Isolated")), "the expression \"\\\\w+\" is not supported");
  has(refusal_of_change(split("\\w+", "Removed")), "behavior 'Removed'");
  has(refusal_of_change([](json& file) { file["added_tokens"][0]["single_word"] = true; }), "single_word");
  has(refusal_of_change([](json& file) { file["added_tokens"] = json::array(); }), "cannot tell its end-of-text token");
}

TEST_CASE("damage is named") {
  const auto whole = trained_json();
  has(refusal(""), "is empty; expected a tokenizer.json");
  has(refusal("{"), "not valid JSON at byte");
  has(refusal(whole.substr(0, whole.size() / 2)), "not valid JSON at byte");
  has(refusal("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n"),
      "a Git LFS pointer, not a tokenizer.json: git lfs pull");
  has(refusal("<html>"), "an HTML page, not a tokenizer.json");
  has(refusal("[1]"), "is an object, this is array");
  has(refusal("{}"), "'model' is missing");
  has(refusal_of_change([](json& file) { file["model"].erase("vocab"); }), "'model.vocab' is missing");
  has(refusal_of_change([](json& file) { file["model"].erase("merges"); }), "'model.merges' is missing");
  has(refusal_of_change([](json& file) { file["model"]["merges"][3] = "abc"; }), "model.merges[3] is \"abc\"");
  has(refusal_of_change([](json& file) { file["model"]["merges"][3] = {"q", "q"}; }), "model.merges[3] needs token \"qq\"");
  has(refusal_of_change([](json& file) { file["model"]["vocab"]["a"] = "x"; }), "token \"a\" has id \"x\"");
  has(refusal_of_change([](json& file) { file["model"]["vocab"]["a"] = -3; }), "token \"a\" has id -3");
  has(refusal_of_change([](json& file) { file["model"]["vocab"]["a"] = 4000000000u; }), "has id 4000000000");
  has(refusal_of_change([](json& file) { file["model"]["vocab"]["a"] = file["model"]["vocab"]["b"]; }), "the same id");
  has(refusal_of_change([](json& file) { file["added_tokens"][0]["id"] = 7; }), "has id 7");
  has(refusal_of_change([](json& file) {
        file["model"]["merges"] = json::array();
        file["model"]["vocab"]["~~"] = file["model"]["vocab"]["~"];
        file["model"]["vocab"].erase("~");
      }),
      "byte 0x7E has no token");
}

TEST_CASE("the end-of-text token can be told") {
  auto file = json::parse(trained_json());
  file["added_tokens"].push_back({{"id", file["model"]["vocab"].size()}, {"content", "<stop>"}, {"special", true}});
  CHECK(tokenizer_from_json(file.dump(), "t.json")->eos_token() == "<|endoftext|>");
  CHECK(tokenizer_from_json(file.dump(), "t.json", "<stop>")->eos_id() == 270);
  CHECK_THROWS_AS(tokenizer_from_json(file.dump(), "t.json", "<nothing>"), Error);
}
