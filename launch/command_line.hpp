// What the user typed, as plain values: made by the thin command, handed to the engine. Knows neither CLI11 nor torch.
#pragma once

#include "core/base/device.hpp"
#include "launch/bench_options.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace sluice {

inline constexpr const char* kVersion = "0.1.0";

enum class Command { kTrain, kEval, kGenerate, kInspect, kTokenize, kBench, kDoctor, kData };

/// A model in every command: a checkpoint folder, a run (its last checkpoint), RUN@STEP or a Hugging Face folder.
using ModelName = std::string;

struct TrainOptions {
  std::string recipe;
  std::vector<std::string> overrides;  // "section.key=value"
};

struct EvalOptions {
  ModelName model;
  std::vector<std::string> data;     // empty: the run's own validation text
  std::vector<std::int64_t> tokens;  // token ids; if there are any, only the log-probabilities of these are printed
  std::int64_t seq_length = 0;       // 0: the model's
  std::int64_t stride = 0;           // 0: seq_length
  std::int64_t batch = 0;            // sequences at once; 0: chosen
  std::string text_key;              // of .jsonl lines in `data`; "": the run's, else "text"
  Device device = Device::kAuto;
  bool json = false;
};

struct GenerateOptions {
  ModelName model;
  std::string prompt;
  std::int64_t max_tokens = 200;
  double temperature = 0.8;  // 0: always the most likely token
  std::int64_t top_k = 0;    // 0: all tokens
  std::uint64_t seed = 17;
  Device device = Device::kAuto;
};

struct InspectOptions {
  ModelName model;
  ModelName diff;  // "" = none
  bool json = false;
};

enum class TokenizeAction { kTrain, kEncode, kDecode, kCount };
struct TokenizeOptions {
  TokenizeAction action = TokenizeAction::kCount;
  std::string tokenizer;            // encode, decode, count: a tokenizer.json, or a folder that holds one
  std::vector<std::string> files;   // train, encode, count
  std::optional<std::string> text;  // encode, count
  std::string text_key = "text";    // train, encode, count: of .jsonl lines
  std::vector<std::int64_t> ids;    // decode
  bool special = false;             // encode, count: recognise special tokens that are written in the text
  std::int64_t vocab_size = 4096;   // train
  std::string output;               // train: the tokenizer.json to write
};

enum class DataAction { kCheck, kMakeScenes, kScore };
struct DataOptions {
  DataAction action = DataAction::kCheck;
  std::string predictions;                          // score
  std::string path;                                 // what to check, or the folder to make
  std::int64_t count = 2000, size = 64, seed = 17;  // make-scenes
  bool speech = true;                               // make-scenes
  // check:
  std::string format;                // "": by the name of the path
  std::vector<std::string> columns;  // csv: names by position
  std::string annotations, images;   // vqa
  std::int64_t max_pixels = std::int64_t{1} << 26;
  double max_seconds = 600;
  std::int64_t image_size = 0;   // pixels a side of a model's input; 0: not asked for
  std::string fit = "crop";      // of that input
  std::int64_t sample_rate = 0;  // of a model's input; 0: not asked for
  bool json = false;
};

/// There is one benchmark: moe.
struct BenchOptions {
  MoeBenchOptions moe;
  Device device = Device::kAuto;
  bool json = false;
};

struct DoctorOptions {
  Device device = Device::kAuto;  // that must be usable
  bool json = false;
};

/// Only the options of `command` are set; those of the other commands are defaults.
struct CommandLine {
  Command command = Command::kTrain;
  TrainOptions train;
  EvalOptions eval;
  GenerateOptions generate;
  InspectOptions inspect;
  TokenizeOptions tokenize;
  DataOptions data;
  BenchOptions bench;
  DoctorOptions doctor;
};

/// Puts the parsed arguments into `out`. Returns nothing if `out` is to be run, else the exit code of the process: 0 after --help and
/// --version, 2 after a mistake, which has been reported in one line on standard error.
std::optional<int> parse_command_line(int argc, char** argv, CommandLine& out);

}  // namespace sluice

/// Defined by libsluice_engine.so: does what the command line says and returns the exit code. Lets no exception out.
extern "C" int sluice_run(const sluice::CommandLine* command_line);
