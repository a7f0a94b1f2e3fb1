// Recipe files for tests, in a folder of their own that disappears again.
#pragma once

#include "core/base/error.hpp"
#include "recipes/schema/read_recipe.hpp"

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace sluice::recipes::test {

/// Makes an empty folder the working directory, so that messages hold short relative paths.
class Scratch {
 public:
  Scratch()
      : before_(std::filesystem::current_path()),
        folder_(std::filesystem::temp_directory_path() / ("sluice-recipe-" + std::to_string(getpid()))) {
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
    std::filesystem::current_path(folder_);
  }
  ~Scratch() {
    std::filesystem::current_path(before_);
    std::filesystem::remove_all(folder_);
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  void write(const std::string& name, const std::string& text) const {
    if (std::filesystem::path(name).has_parent_path()) std::filesystem::create_directories(std::filesystem::path(name).parent_path());
    std::ofstream(name, std::ios::binary) << text;
  }

 private:
  std::filesystem::path before_, folder_;
};

/// The line a recipe is refused with; "" if it is accepted. Fails by its text if the exit code is not 2.
inline std::string refusal_of_file(const std::string& path, const std::vector<std::string>& overrides = {},
                                   const InitialModelReader& reader = {}) {
  try {
    read_recipe(path, overrides, reader);
  } catch (const Error& error) {
    const std::string what = error.what();
    if (error.code() != ExitCode::kUsage) return "exit code " + std::to_string(static_cast<int>(error.code())) + ": " + what;
    if (what.find('\n') != std::string::npos) return "more than one line: " + what;
    return what;
  }
  return "";
}

inline std::string refusal(const std::string& text, const std::vector<std::string>& overrides = {}) {
  const Scratch scratch;
  scratch.write("x.yaml", text);
  return refusal_of_file("x.yaml", overrides);
}

inline Recipe read_text_recipe(const std::string& text, const std::vector<std::string>& overrides = {},
                               const InitialModelReader& reader = {}) {
  const Scratch scratch;
  scratch.write("x.yaml", text);
  return read_recipe("x.yaml", overrides, reader);
}

/// Four lines; stages follow.
inline const std::string kHead =
    "name: x\n"
    "data: {train: [a.txt]}\n"
    "model: {hidden_size: 64, num_layers: 4, num_attention_heads: 4, intermediate_size: 256}\n"
    "stages:\n";
inline const std::string kDense = "  - {name: dense, type: pretrain, max_steps: 10}\n";
inline const std::string kSparse = "  - {name: sparse, type: sparsify, max_steps: 10, moe: {num_experts: 8, top_k: 2}}\n";
inline const std::string kWide = "  - {name: wide, type: grow, max_steps: 10, moe: {num_experts: 16}}\n";
inline const std::string kFlat = "  - {name: flat, type: flatten, max_steps: 10, allow_jump: true}\n";

}  // namespace sluice::recipes::test
