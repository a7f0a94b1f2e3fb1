#include "core/base/file_kind.hpp"

#include "core/base/error.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <system_error>

namespace sluice {
namespace {

using namespace std::string_view_literals;

struct Signature {
  std::string_view start;
  FileKind kind;
};

constexpr std::string_view kAnnexRemedy = "git annex get";

/// If one signature begins with another, the longer one stands first.
constexpr Signature kSignatures[] = {
    {"\xFF\xFE\0\0"sv, {"UTF-32 text", "iconv -f UTF-32 -t UTF-8"}},
    {"\0\0\xFE\xFF"sv, {"UTF-32 text", "iconv -f UTF-32 -t UTF-8"}},
    {"\xFF\xFE"sv, {"UTF-16 text", "iconv -f UTF-16 -t UTF-8"}},
    {"\xFE\xFF"sv, {"UTF-16 text", "iconv -f UTF-16 -t UTF-8"}},
    {"\x1F\x8B\x08"sv, {"a gzip file", ""}},
    {"\x28\xB5\x2F\xFD"sv, {"a Zstandard file", ""}},
    {"\xFD"
     "7zXZ\0"sv,
     {"an xz file", ""}},
    {"7z\xBC\xAF\x27\x1C"sv, {"a 7z archive", ""}},
    {"PK\x03\x04"sv, {"a zip archive (torch.save writes such too)", ""}},
    {"GGUF\x01\0\0\0"sv, {"a GGUF model", ""}},
    {"GGUF\x02\0\0\0"sv, {"a GGUF model", ""}},
    {"GGUF\x03\0\0\0"sv, {"a GGUF model", ""}},
    {"\x89HDF\r\n\x1A\n"sv, {"an HDF5 file", ""}},
    {"\x93NUMPY"sv, {"a NumPy array", ""}},
    {"PAR1\x15"sv, {"a Parquet file", ""}},
    {"ARROW1\0\0"sv, {"an Arrow file", ""}},
    {"SQLite format 3\0"sv, {"a SQLite database", ""}},
    {"%PDF-"sv, {"a PDF document", ""}},
    {"\x7F"
     "ELF"sv,
     {"a program or library (ELF)", ""}},
};

/// Whether `bytes` begin with `word`, without regard to case; `word` is in lower case.
bool begins_with(std::string_view bytes, std::string_view word) {
  return bytes.size() >= word.size() && std::equal(word.begin(), word.end(), bytes.begin(), [](char small, char byte) {
           return small == static_cast<char>(std::tolower(static_cast<unsigned char>(byte)));
         });
}

bool is_page(std::string_view bytes) {
  if (bytes.starts_with(kByteOrderMark)) bytes.remove_prefix(kByteOrderMark.size());
  bytes.remove_prefix(std::min(bytes.find_first_not_of(" \t\r\n"), bytes.size()));
  return begins_with(bytes, "<!doctype html") || begins_with(bytes, "<html");
}

/// Whether the bytes are what git-annex leaves in place of a file whose content is elsewhere: a pointer file, or, on file systems without
/// symbolic links, a file that holds the target of the link.
bool is_annexed(std::string_view bytes) {
  if (bytes.size() > 32768 || bytes.find('\n') < bytes.size() - 1) return false;
  while (bytes.starts_with("../")) bytes.remove_prefix(3);
  return bytes.starts_with("/annex/objects/") || bytes.starts_with(".git/annex/objects/");
}

}  // namespace

std::optional<FileKind> foreign_kind(std::string_view bytes) {
  // Git LFS takes only files of less than 1024 bytes for pointers.
  if (bytes.size() < 1024 && bytes.starts_with("version https://git-lfs.github.com/spec/"))
    return FileKind{"a Git LFS pointer", "git lfs pull"};
  if (is_annexed(bytes)) return FileKind{"a git-annex pointer", kAnnexRemedy};
  if (is_page(bytes)) return FileKind{"an HTML page", "the download failed? get the file again", true};
  for (const Signature& signature : kSignatures)
    if (bytes.starts_with(signature.start)) return signature.kind;
  if (bytes.size() > 10 && bytes.starts_with("BZh") && bytes.substr(4, 6) == "1AY&SY") return FileKind{"a bzip2 file", ""};
  if (bytes.size() > 2 && bytes[0] == '\x80' && bytes[1] >= 2 && bytes[1] <= 5) return FileKind{"a Python pickle", ""};
  if (bytes.size() > 262 && bytes.substr(257, 5) == "ustar") return FileKind{"a tar archive", ""};
  return std::nullopt;
}

void refuse_foreign(std::string_view bytes, const std::string& file, std::string_view expected, std::string_view remedy) {
  if (const auto kind = foreign_kind(bytes))
    throw data_error("{}: {}, not {}: {}", file, kind->name, expected, kind->remedy.empty() ? remedy : kind->remedy);
}

void require_no_dangling_link(const std::filesystem::path& path) {
  std::error_code unreadable, failed;
  if (!std::filesystem::is_symlink(path, failed) || std::filesystem::exists(path, failed)) return;
  const std::string target = std::filesystem::read_symlink(path, unreadable).string();
  throw data_error("{}: a link to {}, which {}{}", path.string(), target,
                   failed ? "cannot be reached: " + failed.message() : "is not there",
                   target.find("annex/objects/") != std::string::npos ? fmt::format(": {}", kAnnexRemedy) : "");
}

}  // namespace sluice
