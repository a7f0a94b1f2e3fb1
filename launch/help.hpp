// The words of `sluice --help`: what a command is for, and examples.
#pragma once

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
extern const Text kBench;

}  // namespace sluice::help
