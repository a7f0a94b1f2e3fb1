// What a file is by its first bytes where it is not what was asked for: pointers that stand for files kept elsewhere, pages that a
// failed download left in a file's place, archives and formats of other programs under a wrong name.
// Gives: kByteOrderMark, FileKind, foreign_kind(), refuse_foreign(), require_no_dangling_link().
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace sluice {

/// U+FEFF in UTF-8, as editors and exports leave it at the start of a text; no part of it.
inline constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

struct FileKind {
  std::string_view name;    // "a Git LFS pointer"
  std::string_view remedy;  // "git lfs pull"; "" where it depends on what was asked for
  bool is_page = false;     // HTML: text of its own, and where text is asked for perhaps wanted
};

/// `bytes`: the start of a file (512 suffice), or the whole of a short one. Nothing if they are of no kind that is known here. The file
/// should have been looked at for what it is meant to be first where that may be any bytes: the length at the start of a safetensors
/// file can look like one of these.
std::optional<FileKind> foreign_kind(std::string_view bytes);

/// Data error "FILE: a Git LFS pointer, not EXPECTED: git lfs pull" if the bytes are of such a kind. `remedy` is what helps against
/// files of another format.
void refuse_foreign(std::string_view bytes, const std::string& file, std::string_view expected, std::string_view remedy);

/// Data error if `path` is a symbolic link to nothing: what it stands for was meant to be read, and is no more absent than damaged.
void require_no_dangling_link(const std::filesystem::path& path);

}  // namespace sluice
