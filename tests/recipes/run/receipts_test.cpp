#include "recipes/run/receipts.hpp"

#include "core/base/error.hpp"
#include "tests/support/files_and_output.hpp"
#include "tests/support/catch.hpp"

#include <cmath>

using namespace sluice;
using namespace sluice::recipes;
using namespace sluice::testing;

namespace {

Receipt example() {
  Receipt receipt;
  receipt.stage = "sparse";
  receipt.step = 300;
  receipt.conversion = moe::ConversionKind::kSparsifyVirtualGroup;
  receipt.exact = true;
  receipt.loss_before = 3.25;
  receipt.loss_after = 3.25 + 1e-7;
  receipt.max_abs_logit_difference = 3.5e-6;
  receipt.parameters_before = 12300000;
  receipt.parameters_after = 34500000;
  receipt.active_parameters_before = 12300000;
  receipt.active_parameters_after = 12400000;
  receipt.held_batch_sha256 = std::string(64, 'a');
  return receipt;
}

bool passes(const Receipt& receipt, DType dtype, bool allow_jump) {
  try {
    judge_receipt(receipt, dtype, allow_jump);
    return true;
  } catch (const Error& error) {
    REQUIRE(error.code() == ExitCode::kDiverged);
    REQUIRE(std::string(error.what()).find('\n') == std::string::npos);
    return false;
  }
}

}  // namespace

TEST_CASE("the verdict is the limits of the type, and a jump needs leave") {
  Receipt receipt = example();
  CHECK(passes(receipt, DType::kFloat32, false));
  CHECK(passes(receipt, DType::kBFloat16, false));
  CHECK_FALSE(passes(receipt, DType::kFloat64, false));
  CHECK(passes(receipt, DType::kFloat64, true));

  receipt.max_abs_logit_difference = 1e-4;
  CHECK(passes(receipt, DType::kFloat32, false));
  receipt.max_abs_logit_difference = 1.0001e-4;
  CHECK_FALSE(passes(receipt, DType::kFloat32, false));
  CHECK(passes(receipt, DType::kFloat32, true));

  receipt = example();
  receipt.loss_after = 3.25 + 1.1e-5;
  CHECK_FALSE(passes(receipt, DType::kFloat32, false));
  receipt.loss_after = 3.25 - 1.1e-5;
  CHECK_FALSE(passes(receipt, DType::kFloat32, false));
  receipt.loss_after = 3.25 - 0.9e-5;
  CHECK(passes(receipt, DType::kFloat32, false));

  receipt.loss_after = receipt.loss_before + 9e-11;
  receipt.max_abs_logit_difference = 9e-11;
  CHECK(passes(receipt, DType::kFloat64, false));
}

TEST_CASE("what is not finite never passes") {
  for (const double bad : {NAN, INFINITY, -INFINITY}) {
    Receipt receipt = example();
    receipt.loss_after = bad;
    CHECK_FALSE(passes(receipt, DType::kFloat32, true));
    receipt = example();
    receipt.max_abs_logit_difference = bad;
    CHECK_FALSE(passes(receipt, DType::kFloat32, true));
    receipt = example();
    receipt.loss_before = receipt.loss_after = bad;
    receipt.note = "after weight_noise 0.01";
    CHECK_FALSE(passes(receipt, DType::kFloat32, true));
  }
}

TEST_CASE("the receipt after noise that the recipe asked for is a report, not a test") {
  Receipt receipt = example();
  receipt.loss_after = 3.5;
  CHECK_FALSE(passes(receipt, DType::kFloat32, false));
  receipt.note = "after weight_noise 0.01";
  CHECK(passes(receipt, DType::kFloat32, false));
}

TEST_CASE("a refusal says what jumped, by how much, and what to do") {
  Receipt receipt = example();
  receipt.loss_after = 3.5;
  receipt.max_abs_logit_difference = 2.5;
  CHECK(message_of<Error>([&] { judge_receipt(receipt, DType::kFloat32, false); }) ==
        "stage 'sparse': sparsify by virtual_group at step 300: the function of the model changed: max |logit difference| 2.5 (limit "
        "1e-04), |loss difference| "
        "0.25 (limit 1e-05) in float32; this conversion is exact by its recipe, so a weight is wrong (allow_jump: true goes on all the "
        "same)");
  receipt.conversion = moe::ConversionKind::kGrowCopy;
  receipt.exact = false;
  CHECK(contains(message_of<Error>([&] { judge_receipt(receipt, DType::kFloat32, false); }),
                 "this method is not exact: say allow_jump: true"));
  receipt.loss_after = NAN;
  CHECK(contains(message_of<Error>([&] { judge_receipt(receipt, DType::kFloat32, true); }),
                 "not finite on the held batch (loss 3.25 before, nan after"));
}

TEST_CASE("a receipt is a row with the contract's names and comes back from it") {
  Receipt receipt = example();
  CHECK(
      receipt_row(receipt).to_json() ==
      R"({"stage": "sparse", "step": 300, "kind": "sparsify", "method": "virtual_group", "exact": true, "loss_before": 3.25, "loss_after": 3.2500001, )"
      R"("max_abs_logit_difference": 3.5e-06, "parameters_before": 12300000, "parameters_after": 34500000, "active_parameters_before": 12300000, )"
      R"("active_parameters_after": 12400000, "held_batch_sha256": ")" +
          std::string(64, 'a') + "\"}");
  CHECK(receipt_from_row(receipt_row(receipt)) == receipt);
  receipt.note = "after weight_noise 0.01";
  CHECK(receipt_from_row(receipt_row(receipt)) == receipt);
  receipt.loss_after = NAN;
  CHECK(std::isnan(receipt_from_row(receipt_row(receipt)).loss_after));
}

TEST_CASE("the experts' load goes into the row, layer by layer, and comes back") {
  Receipt receipt = example();
  receipt.choice = "children's router rows at scale 4 beside their family's";
  receipt.load_tokens = 8192;
  receipt.load_bound = load_bound({5, 7, 5, 9, 5, 5, 1, 2}, 8, 2);
  CHECK(receipt.load_bound == 2.0);  // half the tokens, of which an expert has an eighth and each takes two
  receipt.loads = {receipt_load(1, {100, 100, 9, 0, 191}), receipt_load(12, {80, 80, 80, 80, 80})};
  CHECK(receipt.loads[0] == ReceiptLoad{1, 1, 1, 191.0 / 80.0});
  CHECK(receipt.loads[1] == ReceiptLoad{12, 0, 0, 1.0});
  const std::string json = receipt_row(receipt).to_json();
  CHECK(contains(
      json,
      R"("load_tokens": 8192, "load_bound": 2.0, "layers.1.dead_experts": 1, "layers.1.starved_experts": 1, "layers.1.max_over_mean": 2.3875, "layers.12.)"));
  CHECK(receipt_from_row(receipt_row(receipt)) == receipt);
}

TEST_CASE("the log keeps receipts over a resume and gives a replayed conversion its receipt") {
  const TemporaryDirectory folder;
  const auto path = folder.path() / "receipts.jsonl";
  CHECK(read_receipts(path).empty());
  Receipt noisy = example();
  noisy.note = "after weight_noise 0.01";
  Receipt later = example();
  later.stage = "wide";
  later.conversion = moe::ConversionKind::kGrowFamily;
  later.step = 500;
  {
    ReceiptLog log(path, -1);
    CHECK(!log.settle({example(), noisy}));
    CHECK(!log.settle({later}));
  }
  CHECK(read_receipts(path) == std::vector<Receipt>{example(), noisy, later});
  SECTION("resumed at the step of a conversion, which is replayed: its receipts stay") {
    const ReceiptLog log(path, 300);
    CHECK(read_receipts(path) == std::vector<Receipt>{example(), noisy});
  }
  SECTION("a replay writes nothing, a conversion with other values replaces") {
    ReceiptLog log(path, 300);
    Receipt again = example();
    again.loss_after += 1e-9;
    CHECK(log.settle({again, noisy}));
    CHECK(read_receipts(path) == std::vector<Receipt>{example(), noisy});
    Receipt other = example();
    other.parameters_after *= 2;
    CHECK(!log.settle({other}));
    CHECK(read_receipts(path) == std::vector<Receipt>{other});
  }
  SECTION("what the file lost comes back from the checkpoint") {
    const std::string text = read_file(path);
    write_text(path, text.substr(text.find("wide") - 11));
    ReceiptLog log(path, 600);
    CHECK(read_receipts(path).size() == 1);
    log.restore({example(), noisy});
    CHECK(read_receipts(path) == std::vector<Receipt>{example(), noisy, later});
    CHECK(log.text() == read_file(path));
  }
  SECTION("resumed before it: it will be measured again") {
    const ReceiptLog log(path, 299);
    CHECK(log.text().empty());
    CHECK(read_file(path).empty());
  }
  SECTION("a torn line does not stay") {
    write_text(path, read_file(path) + "{\"stage\": \"fl");
    ReceiptLog log(path, 600);
    CHECK(read_receipts(path).size() == 3);
    Receipt last = later;
    last.step = 600;
    CHECK(!log.settle({last}));
    CHECK(read_receipts(path) == std::vector<Receipt>{example(), noisy, later, last});
  }
}

TEST_CASE("the table") {
  const std::vector<std::string> lines = format_receipt(example(), DType::kFloat32);
  const std::vector<std::string> expected = {
      "receipt, stage 'sparse': sparsify by virtual_group at step 300: same function, exact by recipe",
      "                            before         after    difference     limit",
      "  held-batch loss       3.25000000    3.25000010      1.00e-07     1e-05",
      "  logits, largest                                     3.50e-06     1e-04",
      "  parameters                 12.3M         34.5M        +22.2M",
      "  active a token             12.3M         12.4M         +100K",
      "  held batch sha256 aaaaaaaaaaaaaaaa",
  };
  CHECK(lines == expected);
  Receipt loaded = example();
  loaded.load_tokens = 8192;
  loaded.load_bound = 3.87;
  loaded.loads = {{0, 0, 3, 1.625}, {2, 12, 100, 16.5}};
  const std::vector<std::string> load = {
      "  experts' load before training, on 8.19K tokens; the most frequent token alone gives an expert 3.87 of the mean",
      "                              dead       starved      max/mean",
      "  layer 0                        0             3          1.62",
      "  layer 2                       12           100         16.50",
      "  held batch sha256 aaaaaaaaaaaaaaaa",
  };
  const std::vector<std::string> with_load = format_receipt(loaded, DType::kFloat32);
  CHECK(std::vector<std::string>(with_load.end() - 5, with_load.end()) == load);
  for (std::int64_t layer = 3; layer < 8; ++layer) loaded.loads.push_back({layer, 1, 2, 3.0});
  CHECK(format_receipt(loaded, DType::kFloat32)[8] == "  7 layers                 0 to 12      2 to 100 1.62 to 16.50");
  Receipt jumped = example();
  jumped.loss_after = 4;
  jumped.exact = false;
  jumped.note = "after reinit_fraction 0.5";
  CHECK(format_receipt(jumped, DType::kFloat32)[0] ==
        "receipt, stage 'sparse': sparsify by virtual_group at step 300 (after reinit_fraction 0.5): function changed");
  jumped.loss_after = NAN;
  CHECK(contains(format_receipt(jumped, DType::kFloat32)[0], "not finite"));
}

TEST_CASE("a line of another conversion than any of ours is no receipt, and the others are read") {
  const TemporaryDirectory folder;
  const auto path = folder.path() / "receipts.jsonl";
  JsonRow foreign = receipt_row(example());
  foreign.set("kind", "distil");
  write_file_atomically(path, foreign.to_json() + "\n" + receipt_row(example()).to_json() + "\n");
  CHECK(read_receipts(path) == std::vector<Receipt>{example()});
}
