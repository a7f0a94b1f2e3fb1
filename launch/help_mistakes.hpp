// What is said about a mistyped command line: one line, with the nearest name.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace sluice::help {

/// The names of an app's subcommands, in order.
std::vector<std::string> names_of(const CLI::App& app);
std::string join(const std::vector<std::string>& words);

/// Prints "WHO: TEXT; see 'WHO --help'" to standard error in one line (without the hint at the help if `text` ends with a question mark)
/// and returns 2, the exit code for bad usage.
int complain(const std::string& who, std::string text);

/// Complains about the first command or option in `args` that `app` does not know, and returns complain()'s exit code; nothing if it knows
/// all. CLI11 itself can only say that something was not expected.
std::optional<int> find_unknown(const CLI::App& app, const std::vector<std::string>& args);

}  // namespace sluice::help
