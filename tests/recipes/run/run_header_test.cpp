#include "recipes/run/run_header.hpp"

#include "tests/support/files_and_output.hpp"
#include "tests/support/catch.hpp"

using namespace sluice::recipes;
using namespace sluice::testing;

namespace {

StageLine dense() {
  StageLine stage;
  stage.name = "dense";
  stage.type = StageType::kPretrain;
  stage.steps = 300;
  stage.tokens = 300 * 32 * 256;
  stage.parameters = stage.active_parameters = 5300000;
  return stage;
}

StageLine sparse() {
  StageLine stage = dense();
  stage.name = "wide";
  stage.type = StageType::kGrow;
  stage.conversion = sluice::moe::ConversionKind::kGrowFamily;
  stage.steps = 200;
  stage.tokens = 200 * 32 * 256;
  stage.parameters = 34500000;
  stage.shape = "16 experts, top-2, families of 2";
  return stage;
}

RunHeader example() {
  RunHeader header;
  header.name = "example";
  header.directory = "runs/example";
  header.model = "6 layers, width 256";
  header.device = "cpu";
  header.dtype = "float32";
  header.stages = {dense(), sparse()};
  header.ranks = 2;
  header.expert = 2;
  header.backend = "mpi";
  header.exchange = "flat";
  header.global_batch_size = 32;
  header.micro_batch_size = 8;
  header.accumulation = 2;
  header.seq_length = 256;
  header.memory.parameters = header.memory.gradients = 64 << 20;
  header.memory.optimizer = header.memory.activations = 128 << 20;
  header.memory.buffers = 2 << 20;
  return header;
}

}  // namespace

TEST_CASE("the header") {
  const std::vector<std::string> expected = {
      "run 'example' in runs/example",
      "  model        6 layers, width 256; float32 on cpu",
      "  stages       dense  pretrain           300 steps  5.30M parameters",
      "               wide   grow by family     200 steps  34.5M parameters, 5.30M active; 16 experts, top-2, families of 2",
      "  mesh         2 ranks on 1 node, expert 2, 1 thread a rank, backend mpi, exchange flat",
      "  batch        32 sequences of 256 = 8.19K tokens a step; a rank computes 8 sequences at once, accumulation 2",
      "  training     500 steps, 4.10M tokens",
      "  memory       386.0 MiB a rank, estimated (parameters 64.0 MiB, gradients 64.0 MiB, optimizer 128.0 MiB, activations 128.0 MiB, "
      "buffers 2.0 MiB)",
  };
  CHECK(format_run_header(example()) == expected);
}

TEST_CASE("what is known only sometimes is said only then") {
  RunHeader header = example();
  header.resumed_step = 120;
  header.data = "39.8 MB of text";
  header.processor = "bfloat16 products in float32: this processor has no AMX";
  header.later_data = {"stage 'wide': 1 file, 2 MB of text"};
  header.validation = "8 sequences of 256";
  header.balance_prepass_fraction = 0.33;
  header.memory.worst_load = 1 << 20;
  header.memory.copies = 32 << 20;
  header.memory.conversion = 3 << 20;
  const auto lines = format_run_header(header);
  REQUIRE(lines.size() == 13);
  CHECK(lines[0] == "run 'example' in runs/example, continued from step 120");
  CHECK(lines[5] == "  processor    bfloat16 products in float32: this processor has no AMX");
  CHECK(lines[7] == "  data         39.8 MB of text");
  CHECK(lines[8] == "               stage 'wide': 1 file, 2 MB of text");
  CHECK(lines[9] == "  validation   8 sequences of 256");
  CHECK(lines[10] == "  training     500 steps, 4.10M tokens");
  CHECK(contains(lines[11], "+33% of a step"));
  CHECK(contains(lines[12], "418.0 MiB a rank, estimated (parameters 64.0 MiB, copies for products 32.0 MiB, gradients"));
  CHECK(
      contains(lines[12], "; 3.0 MiB more while the stage is converted from the model before; 1.0 MiB more if all tokens chose one rank"));
}

TEST_CASE("the banner of a stage") {
  StageBanner banner{sparse(), 300, 500, 2, 2};
  CHECK(format_stage_banner(banner) ==
        "── stage 2/2 'wide': grow by family, steps 301-500, 34.5M parameters, 5.30M active; 16 experts, top-2, families of 2 ──");
}

TEST_CASE("lines are printed as they are, braces included") {
  CHECK(captured(STDOUT_FILENO, [] { log_lines({"a {b}", "c"}); }) == "a {b}\nc\n");
}
