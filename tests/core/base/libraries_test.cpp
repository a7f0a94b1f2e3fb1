#include "core/base/libraries.hpp"
#include "core/base/machine_memory.hpp"

#include "tests/support/catch.hpp"
#include "tests/support/files_and_output.hpp"

#include <algorithm>
#include <fstream>

using namespace sluice;
namespace fs = std::filesystem;

TEST_CASE("a library is shadowed by the first folder of the search path that has its name") {
  const testing::TemporaryDirectory scratch;
  const fs::path root = scratch.path();
  const auto put = [&](const char* folder, const char* name) {
    fs::create_directories(root / folder);
    std::ofstream(root / folder / name) << folder;
    return root / folder / name;
  };
  const fs::path own = put("own", "libcudnn.so.9"), first = put("old", "libcudnn.so.9");
  put("older", "libcudnn.so.9");
  put("own", "libcublas.so.13");
  put("own", "notes.txt");
  put("old", "notes.txt");
  fs::create_directories(root / "links");
  fs::create_symlink(root / "own" / "libcublas.so.13", root / "links" / "libcublas.so.13");
  const std::vector<fs::path> folders = {root / "own", root / "nowhere"};
  const std::string path = (root / "links").string() + "::" + (root / "old").string() + ":" + (root / "older").string();
  CHECK(find_shadows(path, folders) == std::vector<Shadow>{{first, own}});
  CHECK(find_shadows("", folders).empty());
  CHECK(find_shadows((root / "own").string(), folders).empty());
}

TEST_CASE("loaded libraries are found with their folders") {
  const std::vector<fs::path> loaded = loaded_libraries();
  CHECK(std::any_of(loaded.begin(), loaded.end(), [](const fs::path& file) { return file.filename().string().starts_with("libc.so"); }));
  CHECK(fs::exists(folder_of_library("libc.so") / "libc.so.6"));
  CHECK(folder_of_library("libnone.so").empty());
}

TEST_CASE("the memory of the machine is told, and some of it is free") {
  const MachineMemory memory = machine_memory();
  CHECK(memory.total > 1e8);
  CHECK(memory.available > 0);
  CHECK(memory.available <= memory.total);
}
