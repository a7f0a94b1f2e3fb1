// Shared libraries of this process, and those that LD_LIBRARY_PATH puts in front of them.
// Gives: loaded_libraries(), folder_of_library(), Shadow, find_shadows().
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sluice {

/// The files of all shared libraries that are loaded now.
std::vector<std::filesystem::path> loaded_libraries();

/// The folder of the loaded library whose file name begins with `name`, such as "libtorch_cpu.so"; "" if none does.
std::filesystem::path folder_of_library(std::string_view name);

/// A library that lies in two places, of which the loader takes the one in front.
struct Shadow {
  std::filesystem::path in_front;  // in a folder of LD_LIBRARY_PATH
  std::filesystem::path own;       // the one that the program was meant to run with
  bool operator==(const Shadow&) const = default;
};

/// The libraries of `own_folders` that a folder of `search_path` (folders between ':', as in LD_LIBRARY_PATH) has too, sorted. Two names of
/// one file are no shadow.
std::vector<Shadow> find_shadows(std::string_view search_path, std::span<const std::filesystem::path> own_folders);

}  // namespace sluice
