#include "core/base/standard_error.hpp"
#include "launch/help.hpp"
#include "recipes/schema/nearest.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <cctype>

namespace sluice::help {

using recipes::nearest;

std::vector<std::string> names_of(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; })) names.push_back(command->get_name());
  return names;
}

std::string join(const std::vector<std::string>& words) { return fmt::format("{}", fmt::join(words, ", ")); }

int complain(const std::string& who, std::string text) {
  std::replace(text.begin(), text.end(), '\n', ' ');
  // A text that ends with a question mark is a suggestion; the hint at the help is not needed then.
  const std::string more = text.back() == '?' ? "" : fmt::format("; see '{} --help'", who);
  write_standard_error(fmt::format("{}: {}{}\n", who, text, more));
  return 2;
}

std::optional<int> find_unknown(const CLI::App& app, const std::vector<std::string>& args) {
  const CLI::App* command = &app;
  std::string who = "sluice";
  std::size_t next = 0;
  while (next < args.size() && args[next].rfind("-", 0) != 0) {
    const std::vector<std::string> known = names_of(*command);
    if (known.empty()) break;
    if (std::find(known.begin(), known.end(), args[next]) == known.end()) {
      const std::string meant = nearest(args[next], known);
      return complain(who, fmt::format("unknown command '{}'; {}", args[next],
                                       meant.empty() ? "commands: " + join(known) : "did you mean '" + meant + "'?"));
    }
    command = command->get_subcommand(args[next]);
    who += " " + args[next++];
  }
  for (; next < args.size() && args[next] != "--"; ++next) {
    const std::string name = args[next].substr(0, args[next].find('='));
    // "--- a line" is a value for CLI11, and so for us.
    if (name.size() < 3 || name.rfind("--", 0) != 0 || !std::isalnum(static_cast<unsigned char>(name[2])) ||
        command->get_option_no_throw(name))
      continue;
    std::vector<std::string> known;
    for (const CLI::Option* option : command->get_options())
      for (const std::string& long_name : option->get_lnames()) known.push_back("--" + long_name);
    if (name.find('.') != std::string::npos && command->get_name() == "train")
      return complain(who, fmt::format("unknown option '{}'; recipe keys are written {}=VALUE, without dashes", name, name.substr(2)));
    const std::string meant = nearest(name, known);
    return complain(
        who, fmt::format("unknown option '{}'; {}", name, meant.empty() ? "options: " + join(known) : "did you mean '" + meant + "'?"));
  }
  return std::nullopt;
}

}  // namespace sluice::help
