#include "data/source_files.hpp"

#include "core/base/error.hpp"
#include "core/base/file_kind.hpp"
#include "core/base/lower_case.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

namespace sluice::data {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kKnown = ".txt or .jsonl (.ndjson), each also .gz or .zst";

struct KnownName {
  TextFormat format;
  Compression compression;
};

std::optional<KnownName> format_of(std::string_view name) {
  const std::string lower = lower_case(name);
  std::string_view rest = lower;
  Compression compression = Compression::kNone;
  const auto drop = [&rest](std::string_view suffix) {
    if (!rest.ends_with(suffix)) return false;
    rest.remove_suffix(suffix.size());
    return true;
  };
  if (drop(".gz")) compression = Compression::kGzip;
  else if (drop(".zst")) compression = Compression::kZstd;
  if (rest.ends_with(".txt")) return KnownName{TextFormat::kText, compression};
  if (rest.ends_with(".jsonl") || rest.ends_with(".ndjson")) return KnownName{TextFormat::kJsonl, compression};
  return std::nullopt;
}

/// What to do with a file that is named and of no known kind.
std::string_view remedy_for(std::string_view name) {
  const std::string lower = lower_case(name);
  if (lower.ends_with(".json")) return "if it has one object a line, rename it or link to it as .jsonl, else make it so (jq -c)";
  if (lower.ends_with(".xz")) return "decompress it first (xz -d)";
  if (lower.ends_with(".bz2")) return "decompress it first (bunzip2)";
  return "if it is plain text, rename it or link to it as .txt";
}

SourceFile source_file(const fs::path& path, KnownName name) {
  struct stat info {};
  if (stat(path.c_str(), &info) != 0) throw data_error("{}: cannot be read: {}", path.string(), std::strerror(errno));
  return {path, name.format, name.compression, static_cast<std::uint64_t>(info.st_size), info.st_dev, info.st_ino};
}

/// The first names of something that is told with its number.
class Named {
 public:
  void add(const std::string& name) {
    constexpr std::size_t kShown = 4;
    if (count_++ < kShown) names_ += (names_.empty() ? "" : ", ") + name;
    else if (count_ == kShown + 1) names_ += ", …";
  }
  std::size_t count() const { return count_; }
  /// "2 files are left out: a, b", with `one` or `many` for the words.
  void tell(std::string& text, std::string_view one, std::string_view many) const {
    if (count_ > 0) text += fmt::format("{}{} {}: {}", text.empty() ? "" : "; ", count_, count_ == 1 ? one : many, names_);
  }

 private:
  std::size_t count_ = 0;
  std::string names_;
};

/// Everything below a folder; folders behind symbolic links too, each real folder once, so that a loop of links ends.
class FolderWalk {
 public:
  explicit FolderWalk(const fs::path& root) : root_(root) { walk(root); }

  std::vector<SourceFile> files;

  std::size_t other() const { return other_.count(); }
  std::string left_out() const {
    std::string text;
    other_.tell(text, "file is not read", "files are not read");
    if (other_.count() > 0) text += fmt::format(" (expected {})", kKnown);
    hidden_.tell(text, "hidden entry is left out", "hidden entries are left out");
    again_.tell(text, "link leads to a folder that is read already", "links lead to folders that are read already");
    return text.empty() ? "" : fmt::format("{}: {}", root_.string(), text);
  }

 private:
  void walk(const fs::path& folder) {
    std::error_code failed;
    const std::string real = fs::canonical(folder, failed).string();
    if (failed) throw data_error("{}: the folder cannot be read: {}", folder.string(), failed.message());
    if (!visited_.insert(real).second) return again_.add(folder.lexically_relative(root_));
    std::vector<fs::directory_entry> entries;
    for (fs::directory_iterator entry(folder, failed); !failed && entry != fs::directory_iterator(); entry.increment(failed))
      entries.push_back(*entry);
    if (failed) throw data_error("{}: the folder cannot be read: {}", folder.string(), failed.message());
    // Of a folder and a link to it, the first by name is walked, not the one the file system happens to list first.
    std::sort(entries.begin(), entries.end(), [](const auto& a, const auto& b) { return a.path().native() < b.path().native(); });
    for (const fs::directory_entry& entry : entries) take(entry);
  }

  void take(const fs::directory_entry& entry) {
    const fs::path& path = entry.path();
    const std::string name = path.filename().string();
    // An editor's lock may be a hidden link to nothing.
    if (name.starts_with(".")) return hidden_.add(path.lexically_relative(root_));
    require_no_dangling_link(path);
    std::error_code failed;
    const fs::file_status status = entry.status(failed);
    if (failed) throw data_error("{}: cannot be looked at: {}", path.string(), failed.message());
    const auto known = format_of(name);
    if (fs::is_directory(status)) walk(path);
    else if (fs::is_regular_file(status) && known) files.push_back(source_file(path, *known));
    else other_.add(path.lexically_relative(root_).string() + (fs::is_regular_file(status) ? "" : " (no regular file)"));
  }

  fs::path root_;
  std::set<std::string> visited_;
  Named other_, hidden_, again_;
};

void add(const fs::path& path, std::vector<SourceFile>& files, std::vector<std::string>* warnings) {
  require_no_dangling_link(path);
  std::error_code failed;
  const fs::file_status status = fs::status(path, failed);
  if (fs::is_directory(status)) {
    FolderWalk walk(path);
    if (walk.files.empty())
      throw data_error("{}: the folder holds no text: expected files named {} ({} with other names are there)", path.string(), kKnown,
                       walk.other());
    files.insert(files.end(), walk.files.begin(), walk.files.end());
    if (std::string sentence = walk.left_out(); warnings != nullptr && !sentence.empty()) warnings->push_back(std::move(sentence));
    return;
  }
  if (failed && status.type() != fs::file_type::not_found) throw data_error("{}: cannot be looked at: {}", path.string(), failed.message());
  if (!fs::exists(status))
    throw data_error("{}: no such file or folder (relative paths start at {})", path.string(), fs::current_path().string());
  if (!fs::is_regular_file(status))
    throw data_error("{}: not a regular file; write its content to a .txt or .jsonl file first", path.string());
  const std::string name = path.filename().string();
  const auto known = format_of(name);
  if (!known) throw data_error("{}: unknown kind of file; expected {} ({})", path.string(), kKnown, remedy_for(name));
  files.push_back(source_file(path, *known));
}

}  // namespace

std::vector<SourceFile> find_source_files(const std::string& spec, std::vector<std::string>* warnings) {
  if (spec.empty()) throw data_error("data: a source has an empty path");
  std::vector<SourceFile> files;
  std::error_code unknown;
  if (fs::exists(spec, unknown) || !is_glob(spec)) add(spec, files, warnings);
  else
    for (const std::string& path : expand_glob(spec)) add(path, files, warnings);
  std::sort(files.begin(), files.end(), [](const SourceFile& a, const SourceFile& b) { return a.path.native() < b.path.native(); });
  // A glob may match a folder and a file inside it; the file still counts once.
  files.erase(std::unique(files.begin(), files.end(), [](const SourceFile& a, const SourceFile& b) { return a.path == b.path; }),
              files.end());
  return files;
}

std::string describe_repeated_files(const std::vector<SourceFile>& files) {
  std::map<std::pair<std::uint64_t, std::uint64_t>, std::size_t> first;
  Named repeats;
  for (std::size_t i = 0; i < files.size(); ++i) {
    const auto [place, is_new] = first.emplace(std::pair(files[i].device, files[i].inode), i);
    if (is_new) continue;
    const fs::path& before = files[place->second].path;
    repeats.add(files[i].path.string() + (before == files[i].path ? "" : fmt::format(" (as {})", before.string())));
  }
  std::string text;
  repeats.tell(text, "file is named again, so its text counts once more", "files are named again, so their text counts once more each");
  return text;
}

}  // namespace sluice::data
