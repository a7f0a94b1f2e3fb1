// Recognises, by their first bytes, files that are not what the user meant to give: pointers of Git LFS or git-annex, HTML pages that a
// failed download left in place of a file, archives, and files of other programs under a wrong name.
// Gives: kByteOrderMark, FileKind, foreign_kind(), refuse_foreign(), require_no_dangling_link().
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace sluice {

/// U+FEFF in UTF-8. Editors and exports put it at the start of a text; it is not part of the text.
inline constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

/// A kind of file that foreign_kind() knows.
struct FileKind {
  std::string_view name;    // with its article: "a Git LFS pointer"
  std::string_view remedy;  // what the user should do: "git lfs pull"; "" if that depends on what was expected
  bool is_page = false;     // an HTML page, which is text: a reader of text may accept it
};

/// `bytes` are the first bytes of a file: 512 are enough, and a shorter file is given whole. Returns nothing if their kind is not known
/// here. A format whose first bytes can have any value must be tried first: the length at the start of a safetensors file can look like one
/// of these kinds.
std::optional<FileKind> foreign_kind(std::string_view bytes);

/// Throws a data error (exit 3) such as "FILE: a Git LFS pointer, not EXPECTED: git lfs pull" if the bytes are of a known kind. `remedy` is
/// the advice for kinds that have none of their own.
void refuse_foreign(std::string_view bytes, const std::string& file, std::string_view expected, std::string_view remedy);

/// Throws a data error (exit 3) if `path` is a symbolic link whose target does not exist or cannot be reached. So such a file is an error
/// even where a missing file would be accepted.
void require_no_dangling_link(const std::filesystem::path& path);

}  // namespace sluice
