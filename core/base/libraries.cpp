#include "core/base/libraries.hpp"

#include <link.h>

#include <algorithm>

namespace sluice {
namespace {

namespace fs = std::filesystem;

bool is_library(const fs::path& file) {
  const std::string name = file.filename().string();
  return name.starts_with("lib") && name.find(".so") != std::string::npos;
}

}  // namespace

std::vector<fs::path> loaded_libraries() {
  std::vector<fs::path> files;
  dl_iterate_phdr(
      [](dl_phdr_info* info, std::size_t, void* to) {
        if (info->dlpi_name != nullptr && *info->dlpi_name != '\0') static_cast<std::vector<fs::path>*>(to)->emplace_back(info->dlpi_name);
        return 0;
      },
      &files);
  return files;
}

fs::path folder_of_library(std::string_view name) {
  for (const fs::path& file : loaded_libraries()) {
    if (!file.filename().string().starts_with(name)) continue;
    std::error_code unreadable;
    const fs::path real = fs::weakly_canonical(file, unreadable);
    return (unreadable ? file : real).parent_path();
  }
  return {};
}

std::vector<Shadow> find_shadows(std::string_view search_path, std::span<const fs::path> own_folders) {
  std::vector<Shadow> shadows;
  std::error_code unreadable;
  for (const fs::path& folder : own_folders) {
    for (const fs::directory_entry& entry : fs::directory_iterator(folder, unreadable)) {
      if (!is_library(entry.path())) continue;
      for (std::string_view rest = search_path; !rest.empty();) {
        const std::string_view first = rest.substr(0, rest.find(':'));
        rest.remove_prefix(std::min(rest.size(), first.size() + 1));
        const fs::path in_front = fs::path(first) / entry.path().filename();
        if (first.empty() || !fs::exists(in_front, unreadable)) continue;
        if (!fs::equivalent(in_front, entry.path(), unreadable)) shadows.push_back({in_front, entry.path()});
        break;  // the loader takes the first
      }
    }
  }
  std::sort(shadows.begin(), shadows.end(), [](const Shadow& a, const Shadow& b) { return a.in_front < b.in_front; });
  return shadows;
}

}  // namespace sluice
