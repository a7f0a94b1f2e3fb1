#include "data/source_files.hpp"

#include "core/base/error.hpp"

#include <glob.h>

#include <algorithm>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

namespace sluice::data {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kKnown = ".txt or .jsonl, each also .gz or .zst";

std::optional<std::pair<TextFormat, Compression>> format_of(std::string_view name) {
  Compression compression = Compression::kNone;
  const auto drop = [&name](std::string_view suffix) {
    if (!name.ends_with(suffix)) return false;
    name.remove_suffix(suffix.size());
    return true;
  };
  if (drop(".gz"))
    compression = Compression::kGzip;
  else if (drop(".zst"))
    compression = Compression::kZstd;
  if (name.ends_with(".txt")) return std::pair(TextFormat::kText, compression);
  if (name.ends_with(".jsonl")) return std::pair(TextFormat::kJsonl, compression);
  return std::nullopt;
}

/// Everything below a folder; folders behind symbolic links too, each real folder once, so that a loop of links ends.
class FolderWalk {
 public:
  void walk(const fs::path& folder) {
    std::error_code failed;
    if (!visited_.insert(fs::canonical(folder, failed).string()).second) return;
    std::vector<fs::directory_entry> entries;
    for (fs::directory_iterator entry(folder, failed); !failed && entry != fs::directory_iterator(); entry.increment(failed))
      entries.push_back(*entry);
    if (failed) throw data_error("{}: the folder cannot be read: {}", folder.string(), failed.message());
    // Of a folder and a link to it, the first by name is walked, not the one the file system happens to list first.
    std::sort(entries.begin(), entries.end(), [](const auto& a, const auto& b) { return a.path().native() < b.path().native(); });
    for (const fs::directory_entry& entry : entries) {
      const std::string name = entry.path().filename().string();
      if (name.starts_with(".")) continue;
      std::error_code unknown;
      if (entry.is_directory(unknown))
        walk(entry.path());
      else if (!entry.is_regular_file(unknown))
        continue;
      else if (const auto format = format_of(name))
        files.push_back({entry.path(), format->first, format->second, entry.file_size()});
      else
        ++other;
    }
  }

  std::vector<SourceFile> files;
  std::size_t other = 0;  // files with names that are not read

 private:
  std::set<std::string> visited_;
};

void add(const fs::path& path, std::vector<SourceFile>& files) {
  std::error_code failed;
  const fs::file_status status = fs::status(path, failed);
  if (fs::is_directory(status)) {
    FolderWalk walk;
    walk.walk(path);
    if (walk.files.empty())
      throw data_error("{}: the folder holds no text: expected files named {} ({} with other names are there)", path.string(), kKnown,
                       walk.other);
    files.insert(files.end(), walk.files.begin(), walk.files.end());
    return;
  }
  if (!fs::exists(status))
    throw data_error("{}: no such file or folder (relative paths start at {})", path.string(), fs::current_path().string());
  if (!fs::is_regular_file(status))
    throw data_error("{}: not a regular file; write its content to a .txt or .jsonl file first", path.string());
  const auto format = format_of(path.filename().string());
  if (!format)
    throw data_error("{}: unknown kind of file; expected {} (if it is plain text, rename it or link to it as .txt)", path.string(), kKnown);
  files.push_back({path, format->first, format->second, fs::file_size(path)});
}

std::vector<std::string> expand(const std::string& spec) {
  if (spec.find("**") != std::string::npos)
    throw data_error("{}: ** is not supported; name the folder itself, folders are read with all folders inside", spec);
  glob_t found{};
  const int status = ::glob(spec.c_str(), GLOB_BRACE | GLOB_TILDE | GLOB_NOSORT, nullptr, &found);
  std::vector<std::string> paths(found.gl_pathv, found.gl_pathv + (status == 0 ? found.gl_pathc : 0));
  globfree(&found);
  return paths;
}

}  // namespace

std::vector<SourceFile> find_source_files(const std::string& spec) {
  if (spec.empty()) throw data_error("data: a source has an empty path");
  std::vector<SourceFile> files;
  std::error_code unknown;
  if (fs::exists(spec, unknown) || spec.find_first_of("*?[{~") == std::string::npos) {
    add(spec, files);
  } else {
    const std::vector<std::string> paths = expand(spec);
    if (paths.empty()) throw data_error("{}: no file matches (relative paths start at {})", spec, fs::current_path().string());
    for (const std::string& path : paths) add(path, files);
  }
  std::sort(files.begin(), files.end(), [](const SourceFile& a, const SourceFile& b) { return a.path.native() < b.path.native(); });
  // A glob may match a folder and a file inside it; the file still counts once.
  files.erase(std::unique(files.begin(), files.end(), [](const SourceFile& a, const SourceFile& b) { return a.path == b.path; }),
              files.end());
  return files;
}

}  // namespace sluice::data
