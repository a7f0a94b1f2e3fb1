#include "recipes/run/summary.hpp"

#include "core/base/error.hpp"
#include "recipes/run/metrics_log.hpp"
#include "recipes/run/run_directory.hpp"
#include "tests/support/files_and_output.hpp"
#include "tests/support/catch.hpp"

#include <nlohmann/json.hpp>

#include <cmath>

using namespace sluice;
using namespace sluice::recipes;
using namespace sluice::testing;

namespace {

const std::vector<StagePlan> kStages = {
    {"dense", StageType::kPretrain, 0, 300}, {"sparse", StageType::kSparsify, 300, 500}, {"flat", StageType::kFlatten, 500, 550}};

void log_validation(MetricsLog& log, const char* stage, std::int64_t step, double loss) {
  StepMetrics metrics;
  metrics.step = step;
  metrics.stage = stage;
  metrics.tokens = 8192 * step;
  metrics.elapsed_seconds = 0.5 * static_cast<double>(step);
  metrics.validation_loss = loss;
  metrics.validation_bits_per_byte = loss / 2;
  log.write(metrics_row(metrics));
}

Receipt conversion() {
  Receipt receipt;
  receipt.stage = "sparse";
  receipt.step = 300;
  receipt.conversion = moe::ConversionKind::kSparsifyCopy;
  receipt.exact = true;
  receipt.loss_before = receipt.loss_after = 3.0;
  receipt.parameters_before = receipt.active_parameters_before = 1000000;
  receipt.parameters_after = 4000000;
  receipt.active_parameters_after = 1500000;
  return receipt;
}

/// A run that got to step 450 of 550.
RunSummary run_in(const std::filesystem::path& folder) {
  MetricsLog log(folder / "metrics.jsonl", -1);
  log_validation(log, "dense", 100, 5.0);
  log_validation(log, "dense", 300, 4.0);
  log_validation(log, "sparse", 300, 4.0);
  log_validation(log, "sparse", 310, 3.9);
  log_validation(log, "sparse", 400, 3.5);
  StepMetrics plain;
  plain.step = 450;
  plain.stage = "sparse";
  plain.tokens = 8192 * 450;
  plain.elapsed_seconds = 230.0;
  plain.sparse_layers = {1, 2};
  plain.window = WindowLoad{50, {3.0, {3.0, 0.5}, {1, 0}, 1, 4}, {2.5, 0.25}};
  log.write(metrics_row(plain));
  ReceiptLog(folder / "receipts.jsonl", -1).settle({conversion()});
  return summarize_run(folder, kStages);
}

}  // namespace

TEST_CASE("a summary is gathered from the files of the run") {
  const TemporaryDirectory folder;
  const RunSummary summary = run_in(folder.path());
  CHECK(summary.steps == 450);
  CHECK(summary.tokens == 8192 * 450);
  CHECK(summary.seconds == 230.0);
  REQUIRE(summary.stages.size() == 3);
  CHECK(summary.stages[0].steps == 300);
  CHECK(summary.stages[1].steps == 150);
  CHECK(summary.stages[2].steps == 0);
  REQUIRE(summary.stages[0].last_validation.has_value());
  CHECK(summary.stages[0].first_validation->loss == 5.0);
  CHECK(summary.stages[0].last_validation->loss == 4.0);
  CHECK(summary.stages[1].first_validation->step == 300);
  CHECK(summary.stages[1].last_validation->step == 400);
  CHECK(summary.stages[1].last_validation->bits_per_byte == 1.75);
  CHECK_FALSE(summary.stages[2].last_validation.has_value());
  CHECK_FALSE(summary.stages[0].last_window.has_value());
  REQUIRE(summary.stages[1].last_window.has_value());
  CHECK(*summary.stages[1].last_window == WindowSummary{450, 50, 1, 4, 3.0, {{"layers.1", 2.5}, {"layers.2", 0.25}}});
  REQUIRE(summary.conversions.size() == 1);
  CHECK(summary.conversions[0].receipt == conversion());
  CHECK(summary.conversions[0].validation_loss_after_10_steps.value() == 3.9);
  CHECK_FALSE(summary.conversions[0].validation_loss_after_50_steps.has_value());
}

TEST_CASE("validation after a conversion is looked for in the stages that go on from it") {
  const TemporaryDirectory folder;
  // 'sparse' has 8 steps: 10 steps after it is step 2 of 'more', 50 steps after it step 12 of 'last'. 'aside' starts from 'dense'.
  const std::vector<StagePlan> stages = {{"dense", StageType::kPretrain, 0, 300},
                                         {"sparse", StageType::kSparsify, 300, 308},
                                         {"aside", StageType::kSparsify, 308, 318, "dense"},
                                         {"more", StageType::kPretrain, 318, 348, "sparse"},
                                         {"last", StageType::kPretrain, 348, 400}};
  MetricsLog log(folder.path() / "metrics.jsonl", -1);
  log_validation(log, "sparse", 308, 4.0);
  log_validation(log, "aside", 310, 3.8);
  log_validation(log, "aside", 318, 3.7);
  log_validation(log, "more", 320, 3.5);
  log_validation(log, "last", 350, 3.2);
  log_validation(log, "last", 360, 3.0);
  {
    ReceiptLog receipts(folder.path() / "receipts.jsonl", -1);
    receipts.settle({conversion()});
    Receipt aside = conversion();
    aside.stage = "aside";
    aside.step = 308;
    receipts.settle({aside});
  }
  const RunSummary summary = summarize_run(folder.path(), stages);
  REQUIRE(summary.conversions.size() == 2);
  CHECK(summary.conversions[0].validation_loss_after_10_steps.value() == 3.5);
  CHECK(summary.conversions[0].validation_loss_after_50_steps.value() == 3.0);
  CHECK(summary.conversions[1].validation_loss_after_10_steps.value() == 3.7);
  CHECK_FALSE(summary.conversions[1].validation_loss_after_50_steps.has_value());
}

TEST_CASE("a run without any log has an empty summary") {
  const TemporaryDirectory folder;
  const RunSummary summary = summarize_run(folder.path(), kStages);
  CHECK(summary.steps == 0);
  CHECK(summary.stages.size() == 3);
  CHECK(summary.stages[1].steps == 0);
  CHECK_FALSE(format_summary(summary).empty());
}

TEST_CASE("summary.json holds the same and comes back") {
  const TemporaryDirectory folder;
  RunSummary summary = run_in(folder.path());
  summary.finished = true;
  summary.name = "example";
  summary.directory = "runs/example";
  summary.dtype = DType::kFloat64;
  summary.stages[0].last_validation->loss = NAN;
  const auto path = RunDirectory(folder.path()).summary();
  write_summary(path, summary);
  const auto json = nlohmann::json::parse(read_file(path));
  CHECK(json["finished"] == true);
  CHECK(json["conversions"][0]["held_batch_sha256"] == "");
  CHECK(json["conversions"][0]["validation_loss_after_10_steps"] == 3.9);
  CHECK(json["stages"][0]["last_validation"]["validation_loss"].is_null());

  const RunSummary back = read_summary(path);
  CHECK(back.finished);
  CHECK(back.dtype == DType::kFloat64);
  CHECK(back.conversions[0].receipt == conversion());
  CHECK_FALSE(back.stages[0].last_window.has_value());
  CHECK(back.stages[1].last_window == summary.stages[1].last_window);
  CHECK(std::isnan(back.stages[0].last_validation->loss));
  CHECK_FALSE(back.stages[2].first_validation.has_value());
  CHECK(format_summary(back) == format_summary(summary));
}

TEST_CASE("a file that is no summary is a data error that names it") {
  const TemporaryDirectory folder;
  const auto path = folder.path() / "summary.json";
  for (const char* text : {"", "{", "[]", "{\"finished\": 1}", "{\"finished\": true}"}) {
    write_text(path, text);
    CHECK(contains(message_of<Error>([&] { read_summary(path); }), "summary.json: not a run summary ("));
  }
}

TEST_CASE("the text") {
  const TemporaryDirectory folder;
  RunSummary summary = run_in(folder.path());
  summary.name = "example";
  summary.directory = "runs/example";
  const auto lines = format_summary(summary);
  REQUIRE(lines.size() == 14);
  CHECK(lines[0] == "run 'example': not finished");
  CHECK(lines[1] == "  stage   type        steps   validation loss     bits per byte");
  CHECK(lines[2] == "  dense   pretrain      300  5.0000 -> 4.0000  2.5000 -> 2.0000");
  CHECK(lines[3] == "  sparse  sparsify      150  4.0000 -> 3.5000  2.0000 -> 1.7500");
  CHECK(lines[4] == "  flat    flatten         0                 -                 -");
  CHECK(lines[5] ==
        "  experts of 'sparse' over its last 50 steps: 1 dead, 4 starved, max/mean 4.00; mean of the steps' own by layer: 3.50, 1.25");
  CHECK(lines[6] == "  receipt, stage 'sparse': sparsify by copy at step 300: same function, exact by recipe");
  CHECK(lines[12] == "    validation loss 10 steps after: 3.9000, 50 steps after: -");
  CHECK(lines[13] == "  450 steps, 3.69M tokens in 3m50s; run directory runs/example");
  // A large vocabulary begins above 10 nats.
  summary.stages[0].first_validation->loss = 10.3456;
  summary.stages[1].last_validation->loss = 10.25;
  const auto wide = format_summary(summary);
  CHECK(wide[1] == "  stage   type        steps    validation loss     bits per byte");
  CHECK(wide[2] == "  dense   pretrain      300  10.3456 -> 4.0000  2.5000 -> 2.0000");
  CHECK(wide[3] == "  sparse  sparsify      150  4.0000 -> 10.2500  2.0000 -> 1.7500");
}
