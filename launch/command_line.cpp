#include "launch/command_line.hpp"

#include "core/base/parse_number.hpp"
#include "core/base/standard_output.hpp"
#include "launch/help.hpp"
#include "launch/read_integer.hpp"
#include "recipes/schema/nearest.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <sstream>

namespace sluice {
namespace {

using recipes::nearest;

constexpr const char* kNoType = " ";  // positionals need no type in the help; CLI11 takes "" for not given

// The words between commas, empty ones too.
std::vector<std::string> split(const std::string& text) {
  std::vector<std::string> words;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    words.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return words;
}

// Ids as "1,2,3" or separate words; CLI11's own lists would swallow the positionals that follow.
std::vector<std::int64_t> parse_ids(const std::vector<std::string>& words, const std::string& option) {
  std::vector<std::int64_t> ids;
  for (const std::string& word : words) {
    for (const std::string& each : split(word)) {
      const auto id = parse_number<std::int64_t>(each);
      if (!id || *id < 0) throw CLI::ValidationError(option, fmt::format("expected token ids such as 1,2,3, found '{}'", word));
      ids.push_back(*id);
    }
  }
  return ids;
}

auto integer_from(std::int64_t low, std::int64_t high = kNoLimit) {
  return [low, high](const std::string& text) {
    std::int64_t value = 0;
    return read_integer(text, low, high, value);
  };
}

std::string at_least_zero(const std::string& text) {
  const auto value = parse_number<double>(text);
  if (value && *value >= 0 && std::isfinite(*value)) return "";
  return fmt::format("must be a number of at least 0, found '{}'", text);
}

// CLI11 2.5 and newer reflow the examples and lose their indent unless told not to; older ones have no such switch.
template <class Formatter>
void keep_footer(Formatter& formatter) {
  if constexpr (requires { formatter.enable_footer_formatting(false); }) formatter.enable_footer_formatting(false);
}

CLI::App* add_command(CLI::App& app, const std::string& name, const help::Text& text) {
  CLI::App* command = app.add_subcommand(name, text.summary);
  command->footer(text.examples);
  return command;
}

// Strings that CLI11 fills and that are checked or converted afterwards.
struct Raw {
  std::string tokens;
  std::vector<std::string> ids, bench_words;
  std::string bench_target;
  std::string columns;
  std::string text;
  CLI::Option* text_option[2] = {nullptr, nullptr};
  CLI::Option* tokens_option = nullptr;
};

void add_model(CLI::App* command, std::string& model) {
  command->add_option("MODEL", model, "Run, RUN@STEP, checkpoint or Hugging Face folder")->required()->option_text(kNoType);
}

void add_device(CLI::App* command, Device& device) {
  const auto read = [&device](const std::vector<std::string>& words) {
    const std::optional<Device> known = value_of<Device>(words.front());
    if (!known) throw CLI::ValidationError("--device", fmt::format("expected auto, cpu or cuda, found '{}'", words.front()));
    device = *known;
    return true;
  };
  command->add_option("--device", read, "What computes: auto, cpu or cuda (default: auto, a GPU where there is one)")->option_text("NAME");
}

void add_train(CLI::App& app, CommandLine& out) {
  CLI::App* command = add_command(app, "train", help::kTrain);
  command->add_option("RECIPE", out.train.recipe, "YAML file")->required()->option_text(kNoType);
  command->add_option("OVERRIDES", out.train.overrides, "section.key=value, values are YAML, stages by name: stages.dense.max_steps=20")
      ->option_text(kNoType);
}

void add_eval(CLI::App& app, CommandLine& out, Raw& raw) {
  CLI::App* command = add_command(app, "eval", help::kEval);
  add_model(command, out.eval.model);
  command->add_option("--data", out.eval.data, "Text: file, glob or folder; may be repeated (default: the run's validation text)")
      ->allow_extra_args(false)
      ->option_text("PATH");
  command->add_option("--text-key", out.eval.text_key, "Field of .jsonl lines that holds the text (default: the run's, or text)")
      ->option_text("KEY");
  raw.tokens_option = command->add_option("--tokens", raw.tokens, "Token ids 1,2,3: print the log-probability of each next one instead")
                          ->option_text("IDS");
  command->add_option("--seq-length", out.eval.seq_length, "Tokens of context (default: the model's)")
      ->check(integer_from(1))
      ->option_text("N");
  command->add_option("--stride", out.eval.stride, "Tokens between windows (default: seq-length)")
      ->check(integer_from(1))
      ->option_text("N");
  command->add_option("--batch", out.eval.batch, "Sequences at once (default: chosen)")->check(integer_from(1))->option_text("N");
  add_device(command, out.eval.device);
  command->add_flag("--json", out.eval.json, "One JSON object on standard output");
}

void add_generate(CLI::App& app, CommandLine& out) {
  GenerateOptions& options = out.generate;
  CLI::App* command = add_command(app, "generate", help::kGenerate);
  add_model(command, options.model);
  command->add_option("--prompt", options.prompt, "Text to continue; required")->required()->option_text("TEXT");
  command->add_option("--max-tokens", options.max_tokens, fmt::format("Tokens to write (default: {})", options.max_tokens))
      ->check(integer_from(1))
      ->option_text("N");
  command
      ->add_option("--temperature", options.temperature, fmt::format("0: always the most likely token (default: {})", options.temperature))
      ->check(at_least_zero)
      ->option_text("N");
  command->add_option("--top-k", options.top_k, "Choose among so many tokens; 0: all (default: 0)")
      ->check(integer_from(0))
      ->option_text("N");
  command->add_option("--seed", options.seed, fmt::format("Of the random choice (default: {})", options.seed))
      ->check(integer_from(0))
      ->option_text("N");
  add_device(command, options.device);
}

void add_inspect(CLI::App& app, CommandLine& out) {
  CLI::App* command = add_command(app, "inspect", help::kInspect);
  add_model(command, out.inspect.model);
  command->add_option("--diff", out.inspect.diff, "Another model: list tensors that differ, and by how much")->option_text("MODEL");
  command->add_flag("--json", out.inspect.json, "One JSON object on standard output");
}

void add_tokenize(CLI::App& app, CommandLine& out, Raw& raw) {
  TokenizeOptions& options = out.tokenize;
  CLI::App* command = add_command(app, "tokenize", help::kTokenize);
  command->require_subcommand(0, 1);
  const auto with_tokenizer = [&](CLI::App* action) {
    action->add_option("--tokenizer", options.tokenizer, "tokenizer.json, or a folder that holds one; required")
        ->required()
        ->option_text("FILE");
    return action;
  };
  const auto with_text_key = [&](CLI::App* action) {
    action->add_option("--text-key", options.text_key, "Field of .jsonl lines that holds the text (default: text)")->option_text("KEY");
  };
  CLI::App* train = add_command(*command, "train", help::kTokenizeTrain);
  train->add_option("FILES", options.files, "Text: files, globs or folders")->required()->option_text(kNoType);
  train
      ->add_option("--vocab-size", options.vocab_size,
                   fmt::format("256 bytes, merges and one end-of-text token (default: {})", options.vocab_size))
      ->check(integer_from(257, 1 << 20))
      ->option_text("N");
  train->add_option("--output", options.output, "The tokenizer.json to write; required")->required()->option_text("FILE");
  with_text_key(train);
  CLI::App* encode = with_tokenizer(add_command(*command, "encode", help::kTokenizeEncode));
  raw.text_option[0] = encode->add_option("--text", raw.text, "The text itself")->option_text("TEXT");
  encode->add_option("FILES", options.files, "Text: files, globs or folders")->option_text(kNoType);
  with_text_key(encode);
  encode->add_flag("--special", options.special, "Special tokens written in the text are themselves, not text");
  CLI::App* decode = with_tokenizer(add_command(*command, "decode", help::kTokenizeDecode));
  decode->add_option("IDS", raw.ids, "Token ids, separated by commas or spaces")->required()->option_text(kNoType);
  CLI::App* count = with_tokenizer(add_command(*command, "count", help::kTokenizeCount));
  raw.text_option[1] = count->add_option("--text", raw.text, "The text itself")->option_text("TEXT");
  count->add_option("FILES", options.files, "Text: files, globs or folders")->option_text(kNoType);
  with_text_key(count);
  count->add_flag("--special", options.special, "Special tokens written in the text are themselves, not text");
}

void add_data(CLI::App& app, CommandLine& out, Raw& raw) {
  DataOptions& options = out.data;
  CLI::App* command = add_command(app, "data", help::kData);
  command->require_subcommand(0, 1);
  CLI::App* check = add_command(*command, "check", help::kDataCheck);
  check->add_option("PATH", options.path, "Manifest, IDX file, folder, table or VQA questions")->required()->option_text(kNoType);
  check->add_option("--format", options.format, "manifest, idx, class_folders, csv or vqa (default: by the name of PATH)")
      ->option_text("NAME");
  check->add_option("--columns", raw.columns, "Of a table without a header: names by position, empty for one that is not read")
      ->option_text("A,B");
  check->add_option("--annotations", options.annotations, "Of VQA questions (default: looked for beside them)")->option_text("FILE");
  check->add_option("--images", options.images, "Folder of the pictures of VQA questions (default: looked for)")->option_text("DIR");
  check->add_option("--max-pixels", options.max_pixels, fmt::format("Pictures with more are not decoded (default: {})", options.max_pixels))
      ->check(integer_from(1))
      ->option_text("N");
  check->add_option("--max-seconds", options.max_seconds, fmt::format("Of a sound that are decoded (default: {})", options.max_seconds))
      ->check(at_least_zero)
      ->option_text("N");
  check->add_option("--image-size", options.image_size, "Count what pictures lose as a model's input of so many pixels a side")
      ->check(integer_from(1, 4096))
      ->option_text("N");
  check->add_option("--fit", options.fit, "How they are brought to that size: crop, pad or stretch (default: crop)")->option_text("NAME");
  check->add_option("--sample-rate", options.sample_rate, "Count the rows of sounds as log-mel spectra at so many samples a second")
      ->check(integer_from(1000, 192000))
      ->option_text("N");
  check->add_flag("--json", options.json, "One JSON object on standard output");
  CLI::App* score = add_command(*command, "score", help::kDataScore);
  score->add_option("PREDICTIONS", options.predictions, "JSON: a list of {question_id, answer}")->required()->option_text(kNoType);
  score->add_option("PATH", options.path, "VQA questions, or a manifest with questions and answers")->required()->option_text(kNoType);
  score->add_option("--format", options.format, "manifest, csv or vqa (default: by the name of PATH)")->option_text("NAME");
  score->add_option("--annotations", options.annotations, "Of VQA questions (default: looked for beside them)")->option_text("FILE");
  score->add_flag("--json", options.json, "One JSON object on standard output");
  CLI::App* scenes = add_command(*command, "make-scenes", help::kDataMakeScenes);
  scenes->add_option("DIR", options.path, "The folder to make; it must be empty or not there")->required()->option_text(kNoType);
  scenes->add_option("--count", options.count, fmt::format("Scenes (default: {})", options.count))
      ->check(integer_from(10, 1'000'000))
      ->option_text("N");
  scenes->add_option("--size", options.size, fmt::format("Pixels a side (default: {})", options.size))
      ->check(integer_from(8, 1024))
      ->option_text("N");
  scenes->add_option("--seed", options.seed, fmt::format("Of all choices (default: {})", options.seed))
      ->check(integer_from(0))
      ->option_text("N");
  scenes->add_flag("--no-speech{false}", options.speech, "Questions are not spoken");
}

void add_bench(CLI::App& app, CommandLine& out, Raw& raw) {
  CLI::App* command = add_command(app, "bench", help::kBench);
  command->footer(describe_moe_bench() + help::kBench.examples);
  command->add_option("TARGET", raw.bench_target, "What to measure: moe")
      ->required()
      ->option_text(kNoType)
      ->check([](const std::string& target) {
        if (target == "moe") return std::string();
        return fmt::format("unknown bench '{}'; {}", target, nearest(target, {"moe"}).empty() ? "there is: moe" : "did you mean 'moe'?");
      });
  command->add_option("KEYS", raw.bench_words, "key=value, see below")->option_text(kNoType);
  add_device(command, out.bench.device);
  command->add_flag("--json", out.bench.json, "One JSON object on standard output");
}

void add_doctor(CLI::App& app, CommandLine& out) {
  CLI::App* command = add_command(app, "doctor", help::kDoctor);
  add_device(command, out.doctor.device);
  command->add_flag("--json", out.doctor.json, "One JSON object on standard output");
}

// What CLI11 cannot check: combinations, and the texts it keeps as they are.
void finish(const CLI::App& app, const Raw& raw, CommandLine& out) {
  const std::string name = app.get_subcommands().front()->get_name();
  static const std::map<std::string, Command> kCommands = {
      {"train", Command::kTrain},       {"eval", Command::kEval}, {"generate", Command::kGenerate}, {"inspect", Command::kInspect},
      {"tokenize", Command::kTokenize}, {"data", Command::kData}, {"bench", Command::kBench},       {"doctor", Command::kDoctor}};
  out.command = kCommands.at(name);
  for (const std::string& text : out.train.overrides) {
    if (text.find('=') == std::string::npos) {
      throw CLI::ValidationError(
          fmt::format("'{}' is no override: expected section.key=value, for example train.learning_rate=1e-3", text));
    }
  }
  if (raw.tokens_option->count() > 0) out.eval.tokens = parse_ids({raw.tokens}, "--tokens");
  if (!out.eval.tokens.empty() && !out.eval.data.empty()) throw CLI::ValidationError("--tokens and --data exclude each other");
  if (!out.eval.tokens.empty() && (out.eval.seq_length > 0 || out.eval.stride > 0))
    throw CLI::ValidationError("--tokens are one window: --seq-length and --stride go with --data");
  if (!out.eval.text_key.empty() && out.eval.data.empty()) throw CLI::ValidationError("--text-key goes with --data");
  const std::string problem = read_moe_bench(raw.bench_words, out.bench.moe);
  if (!problem.empty()) throw CLI::ValidationError(problem);
  if (out.command == Command::kData) {
    const auto actions = app.get_subcommands().front()->get_subcommands();
    if (actions.empty()) throw CLI::ValidationError("an action is missing: check, score or make-scenes");
    static const std::map<std::string, DataAction> kDataActions = {
        {"check", DataAction::kCheck}, {"score", DataAction::kScore}, {"make-scenes", DataAction::kMakeScenes}};
    out.data.action = kDataActions.at(actions.front()->get_name());
    if (!raw.columns.empty()) out.data.columns = split(raw.columns);
  }
  if (out.command != Command::kTokenize) return;
  const auto actions = app.get_subcommands().front()->get_subcommands();
  if (actions.empty()) throw CLI::ValidationError("an action is missing: train, encode, decode or count");
  static const std::map<std::string, TokenizeAction> kActions = {{"train", TokenizeAction::kTrain},
                                                                 {"encode", TokenizeAction::kEncode},
                                                                 {"decode", TokenizeAction::kDecode},
                                                                 {"count", TokenizeAction::kCount}};
  out.tokenize.action = kActions.at(actions.front()->get_name());
  out.tokenize.ids = parse_ids(raw.ids, "IDS");
  if (raw.text_option[0]->count() + raw.text_option[1]->count() > 0) out.tokenize.text = raw.text;
  const bool reads = out.tokenize.action == TokenizeAction::kEncode || out.tokenize.action == TokenizeAction::kCount;
  if (reads && out.tokenize.text.has_value() == !out.tokenize.files.empty()) throw CLI::ValidationError("give either --text or files");
}

}  // namespace

std::optional<int> parse_command_line(int argc, char** argv, CommandLine& out) {
  CLI::App app(help::kSluice.summary, "sluice");
  app.footer(help::kSluice.examples);
  app.set_version_flag("--version", fmt::format("sluice {}", kVersion), "Print the version and end");
  app.get_formatter()->column_width(26);
  keep_footer(*app.get_formatter());
  app.require_subcommand(1);
  Raw raw;
  add_train(app, out);
  add_eval(app, out, raw);
  add_generate(app, out);
  add_inspect(app, out);
  add_tokenize(app, out, raw);
  add_data(app, out, raw);
  add_bench(app, out, raw);
  add_doctor(app, out);
  std::vector<std::string> args(argv + std::min(argc, 1), argv + argc);
  if (!args.empty() && args[0] == "help") {
    args.erase(args.begin());
    args.emplace_back("--help");
  }
  if (args.empty()) return help::complain("sluice", "a command is needed: " + help::join(help::names_of(app)));
  if (const auto unknown = help::find_unknown(app, args)) return unknown;
  try {
    // CLI11 takes them from the back.
    app.parse(std::vector<std::string>(args.rbegin(), args.rend()));
    finish(app, raw, out);
  } catch (const CLI::Success& success) {
    std::ostringstream text;
    const int code = app.exit(success, text, text);
    write_standard_output(text.str());
    return code;
  } catch (const CLI::ParseError& error) {
    std::string who = "sluice";
    for (const CLI::App* command = &app; !command->get_subcommands().empty();) {
      command = command->get_subcommands().front();
      who += " " + command->get_name();
    }
    return help::complain(who, error.what());
  }
  return std::nullopt;
}

}  // namespace sluice
