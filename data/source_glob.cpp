// Globs of source_files.hpp: braces are written out here, the rest is the system's glob.
#include "core/base/error.hpp"
#include "data/source_files.hpp"

#include <glob.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

namespace sluice::data {
namespace {

/// The end of the word that starts at `at`: the comma or brace on its own level, or npos.
std::size_t word_end(const std::string& text, std::size_t at) {
  for (int depth = 0; at < text.size(); ++at)
    if (text[at] == '\\') ++at;
    else if (text[at] == '{') ++depth;
    else if (depth == 0 && (text[at] == ',' || text[at] == '}')) return at;
    else if (text[at] == '}') --depth;
  return std::string::npos;
}

/// {a,b} written out, nested ones too; the system's glob would pass over an alternative that matches nothing. Braces that are not closed
/// are ordinary characters.
void write_out_braces(const std::string& spec, std::size_t from, std::vector<std::string>& specs) {
  std::size_t open = from;
  while (open < spec.size() && spec[open] != '{') open += spec[open] == '\\' ? 2 : 1;
  std::size_t close = open;
  std::vector<std::string> words;
  do {
    const std::size_t begin = close + 1;
    close = open < spec.size() ? word_end(spec, begin) : std::string::npos;
    if (close == std::string::npos) {
      specs.push_back(spec);
      return;
    }
    words.push_back(spec.substr(begin, close - begin));
  } while (spec[close] == ',');
  for (const std::string& word : words) write_out_braces(spec.substr(0, open) + word + spec.substr(close + 1), open, specs);
}

thread_local std::string unreadable;  // the C interface hands nothing through to its callback

int note_unreadable(const char* path, int error) {
  unreadable = std::string(path) + ": " + std::strerror(error);
  return 1;
}

}  // namespace

bool is_glob(const std::string& spec) { return spec.find_first_of("*?[{~") != std::string::npos; }

std::vector<std::string> expand_glob(const std::string& spec) {
  if (spec.find("**") != std::string::npos)
    throw data_error("{}: ** is not supported; name the folder itself, folders are read with all folders inside", spec);
  std::vector<std::string> specs, paths;
  write_out_braces(spec, 0, specs);
  for (const std::string& alternative : specs) {
    glob_t found{};
    const int status = ::glob(alternative.c_str(), GLOB_TILDE | GLOB_ERR | GLOB_NOSORT, note_unreadable, &found);
    paths.insert(paths.end(), found.gl_pathv, found.gl_pathv + (status == 0 ? found.gl_pathc : 0));
    globfree(&found);
    if (status == GLOB_ABORTED) throw data_error("{}: a folder cannot be read: {}", spec, unreadable);
    if (status == GLOB_NOSPACE) throw data_error("{}: no memory for the names that match", spec);
    if (status != 0)
      throw data_error("{}: no file matches{} (relative paths start at {})", spec, alternative == spec ? "" : " " + alternative,
                       std::filesystem::current_path().string());
  }
  return paths;
}

}  // namespace sluice::data
