// One fuzz target, which SLUICE_FUZZ_TARGET names, as libFuzzer calls it. Without that name it lists them; with a folder behind --seeds it
// writes their seeds there.
#include "tests/fuzz/targets.hpp"

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>

namespace {

const sluice::testing::FuzzTarget* chosen = nullptr;

}  // namespace

extern "C" int LLVMFuzzerInitialize(int* argc, char*** argv) {
  const char* name = std::getenv("SLUICE_FUZZ_TARGET");
  for (const auto& target : sluice::testing::fuzz_targets()) {
    if (name != nullptr && target.name == name) chosen = &target;
    if (name == nullptr) std::printf("%.*s\n", static_cast<int>(target.name.size()), target.name.data());
  }
  if (chosen == nullptr) std::exit(name == nullptr ? 0 : 2);
  if (*argc == 3 && std::strcmp((*argv)[1], "--seeds") == 0) {
    std::filesystem::create_directories((*argv)[2]);
    int number = 0;
    for (const std::string& seed : chosen->seeds)
      std::ofstream(std::string((*argv)[2]) + "/" + std::to_string(number++), std::ios::binary) << seed;
    std::exit(0);
  }
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  chosen->run({reinterpret_cast<const char*>(bytes), size});
  return 0;
}
