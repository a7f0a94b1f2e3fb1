// The tokenizer on the command line, for tests/data/tokenizer_parity_test.sh:
//   tokenizer_tool train OUT.json VOCAB_SIZE THREADS TEXTS.jsonl       texts are JSON strings, one a line
//   tokenizer_tool bytes OUT.json
//   tokenizer_tool encode TOKENIZER.json TEXTS.jsonl [--special]       prints the ids of each text on a line
#include <fmt/core.h>

#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "core/base/error.hpp"
#include "core/base/files.hpp"
#include "data/bpe_trainer.hpp"
#include "data/load_tokenizer.hpp"

namespace {

std::vector<std::string> read_texts(const std::string& path) {
  std::vector<std::string> texts;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) texts.push_back(nlohmann::json::parse(line).get<std::string>());
  return texts;
}

void run(const std::vector<std::string>& arguments) {
  using namespace sluice;
  const auto is = [&](const char* command, std::size_t least) { return arguments.size() >= least && arguments[0] == command; };
  if (is("train", 5)) {
    data::BpeTrainer trainer({.vocab_size = std::stol(arguments[2]), .threads = std::stoi(arguments[3])});
    for (const auto& text : read_texts(arguments[4])) trainer.add(text);
    return write_file_atomically(arguments[1], trainer.finish()->json());
  }
  if (is("bytes", 2)) return write_file_atomically(arguments[1], data::make_bytes_tokenizer()->json());
  if (!is("encode", 3)) throw usage_error("tokenizer_tool: unknown command; see tests/support/tokenizer_tool.cpp");
  const auto tokenizer = data::load_tokenizer(arguments[1]);
  for (const auto& text : read_texts(arguments[2])) {
    std::vector<std::int32_t> ids;
    tokenizer->encode(text, ids, arguments.size() > 3 && arguments[3] == "--special");
    std::string line;
    for (const auto id : ids) line += fmt::format("{} ", id);
    fmt::print("{}\n", line);
  }
}

}  // namespace

int main(int argc, char** argv) {
  try {
    run({argv + 1, argv + argc});
    return 0;
  } catch (const sluice::Error& error) {
    fmt::print(stderr, "{}\n", error.what());
    return static_cast<int>(error.code());
  }
}
