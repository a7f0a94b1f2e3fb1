// The words of `sluice --help`: what a command is for, and examples (help.cpp). And what is said about a mistyped command line: one line,
// with the nearest name (help_mistakes.cpp).
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace sluice::help {

struct Text {
  const char* summary;   // one line, in the list of commands
  const char* examples;  // below the options
};

extern const Text kSluice;
extern const Text kTrain;
extern const Text kEval;
extern const Text kGenerate;
extern const Text kInspect;
extern const Text kTokenize;
extern const Text kTokenizeTrain;
extern const Text kTokenizeEncode;
extern const Text kTokenizeDecode;
extern const Text kTokenizeCount;
extern const Text kData;
extern const Text kDataCheck;
extern const Text kDataScore;
extern const Text kDataMakeScenes;
extern const Text kBench;
extern const Text kDoctor;

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
