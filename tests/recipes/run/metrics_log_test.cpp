#include "recipes/run/metrics_log.hpp"

#include "core/base/error.hpp"
#include "recipes/run/jsonl.hpp"
#include "tests/support/files_and_output.hpp"
#include "tests/support/catch.hpp"

#include <cmath>

using namespace sluice;
using namespace sluice::recipes;
using namespace sluice::testing;

namespace {

StepMetrics at(std::int64_t step, double loss) {
  StepMetrics metrics;
  metrics.step = step;
  metrics.stage = "dense";
  metrics.tokens = 1024 * step;
  metrics.loss = loss;
  return metrics;
}

}  // namespace

TEST_CASE("a row has the contract's names in its order; what is absent is absent") {
  StepMetrics metrics = at(10, 3.5);
  REQUIRE(metrics_row(metrics).to_json() == R"({"step": 10, "stage": "dense", "tokens": 10240, "loss": 3.5})");
  metrics.expert_cosine = metrics.expert_dense_cosine = metrics.router_grad_norm = metrics.choice_changed = 1.5;
  metrics.layer_expert_cosine = {{0, 1.5}, {7, 1.5}};
  metrics.router_learning_rate = metrics.expert_learning_rate = 1.5;
  metrics.bits_per_byte = metrics.learning_rate = metrics.grad_norm = metrics.tokens_per_second = metrics.step_seconds = 1.5;
  metrics.elapsed_seconds = metrics.exposed_comm_seconds = 1.5;
  metrics.terms = {{"load_balancing_loss", 1.5}, {"z_loss", 1.5}, {"contrastive", 0.5}};
  metrics.dropped_fraction = metrics.mfu = metrics.validation_loss = metrics.validation_bits_per_byte = 1.5;
  metrics.sparse_layers = {0, 7};
  metrics.load = LoadFigures{1.5, {0.5, 1.5}, {3, 0}, 3, 4};
  metrics.window = WindowLoad{50, {0.75, {0.75, 0.5}, {0, 1}, 1, 2}, {0.25, 0.125}};
  metrics.choice_changed_steps = 10;
  metrics.exchange_bytes_intra = metrics.exchange_bytes_inter = metrics.memory_bytes = 3;
  metrics.memory_allocated_bytes = metrics.memory_reserved_bytes = 3;
  std::string names;
  const JsonRow full = metrics_row(metrics);
  for (const auto& item : full.items()) names += item.first + " ";
  REQUIRE(names ==
          "step stage tokens loss bits_per_byte learning_rate router_learning_rate expert_learning_rate grad_norm tokens_per_second "
          "step_seconds elapsed_seconds "
          "exposed_comm_seconds "
          "loss/contrastive load_balancing_loss z_loss max_violation dead_experts starved_experts dropped_fraction expert_cosine "
          "expert_dense_cosine "
          "router_grad_norm choice_changed choice_changed_steps "
          "exchange_bytes_intra exchange_bytes_inter "
          "memory_bytes memory_allocated_bytes memory_reserved_bytes mfu "
          "validation_loss validation_bits_per_byte expert_cosine/layers.0 expert_cosine/layers.7 max_violation/layers.0 "
          "max_violation/layers.7 "
          "window_steps window_max_violation window_dead_experts window_starved_experts window_dead_experts/layers.0 "
          "window_dead_experts/layers.7 "
          "window_mean_max_violation/layers.0 window_mean_max_violation/layers.7 ");
  CHECK(full.number("max_violation/layers.7") == 1.5);
  // Of one of several models, all that is its own has its name in front.
  CHECK(metrics_row(at(10, 3.5), "student").to_json() == R"({"step": 10, "stage": "dense", "tokens": 10240, "student/loss": 3.5})");
  CHECK(metrics_row(metrics, "student").integer("student/window_dead_experts/layers.7", -1) == 1);
  CHECK(full.number("window_max_violation") == 0.75);
  CHECK(full.integer("window_starved_experts", -1) == 2);
  CHECK(full.integer("window_dead_experts/layers.7", -1) == 1);
  CHECK(full.number("window_mean_max_violation/layers.7") == 0.125);
}

TEST_CASE("rows are in the file when write returns") {
  const TemporaryDirectory folder;
  const auto path = folder.path() / "metrics.jsonl";
  MetricsLog log(path, -1);
  log.write(metrics_row(at(10, 2.0)));
  REQUIRE(read_file(path) == "{\"step\": 10, \"stage\": \"dense\", \"tokens\": 10240, \"loss\": 2.0}\n");
  log.write(metrics_row(at(20, NAN)));
  REQUIRE(read_jsonl(path).size() == 2);
  REQUIRE(read_jsonl(path)[1].to_json() == R"({"step": 20, "stage": "dense", "tokens": 20480, "loss": null})");
}

TEST_CASE("resuming cuts the file back to the resumed step and goes on") {
  const TemporaryDirectory folder;
  const auto path = folder.path() / "metrics.jsonl";
  {
    MetricsLog log(path, -1);
    for (const int step : {10, 20, 20, 30, 40}) log.write(metrics_row(at(step, 0.1 * step)));
  }
  const std::string before = read_file(path);
  SECTION("to a step in the middle: rows of that step stay, bytes untouched") {
    MetricsLog log(path, 20);
    const std::string after = read_file(path);
    REQUIRE(after == before.substr(0, after.size()));
    REQUIRE(read_jsonl(path).size() == 3);
    log.write(metrics_row(at(30, 7)));
    REQUIRE(read_jsonl(path).back().number("loss") == 7.0);
    REQUIRE(read_jsonl(path).size() == 4);
  }
  SECTION("to the end of a stage whose successor had begun: its row of that step will be written again") {
    {
      MetricsLog log(path, 20);
      StepMetrics next = at(20, 5);
      next.stage = "next";
      log.write(metrics_row(next));
    }
    REQUIRE(read_jsonl(path).size() == 4);
    MetricsLog log(path, 20, at(20, 5).stage);
    REQUIRE(read_jsonl(path).size() == 3);
  }
  SECTION("to the last step: nothing changes") {
    MetricsLog log(path, 40);
    REQUIRE(read_file(path) == before);
  }
  SECTION("from scratch: all rows go, that of step 0 too") {
    MetricsLog(path, 40).write(metrics_row(at(0, 9)));
    MetricsLog log(path, -1);
    REQUIRE(read_file(path).empty());
  }
  SECTION("a last line cut short goes, whatever its step") {
    for (const char* torn : {"{\"step\": 1", "{\"step\": 15, \"loss\": 1.0}", "\n{"}) {
      write_text(path, before + torn);
      captured(STDERR_FILENO, [&] { MetricsLog(path, 40).write(metrics_row(at(50, 1))); });
      REQUIRE(read_file(path) == before + metrics_row(at(50, 1)).to_json() + "\n");
    }
  }
  SECTION("other unreadable lines go with a warning that names them") {
    write_text(path, "{\"step\": 1}\ngarbage\n{\"step\": [2]}\n{\"loss\": 3}\n{\"step\": 4}\n");
    const std::string said = captured(STDERR_FILENO, [&] { MetricsLog log(path, 100); });
    REQUIRE(contains(said, "metrics.jsonl:2: not a flat JSON object"));
    REQUIRE(contains(said, "metrics.jsonl:3: not a flat JSON object"));
    REQUIRE(read_file(path) == "{\"step\": 1}\n{\"step\": 4}\n");
  }
}

TEST_CASE("no space left and no such folder are data errors with path and reason") {
  REQUIRE(contains(message_of<Error>([] { MetricsLog("/nowhere/at/all/metrics.jsonl", -1); }),
                   "/nowhere/at/all/metrics.jsonl: cannot be written: No such file"));
  if (std::filesystem::exists("/dev/full")) {
    AppendFile full("/dev/full");
    REQUIRE(contains(message_of<Error>([&] { full.append("x"); }), "/dev/full: writing failed: No space left on device"));
  }
}
