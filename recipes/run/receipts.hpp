// Receipts: what a conversion did to the function of the model, measured on one fixed held batch before and after.
// They are kept in receipts.jsonl (one object per conversion) and printed as a small table.
// Gives: Receipt, ReceiptLimits, receipt_limits(), within_limits(), judge_receipt(), format_receipt(), ReceiptLog.
#pragma once

#include "core/base/dtype.hpp"
#include "moe/plan/conversion.hpp"
#include "recipes/run/json_row.hpp"

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace sluice::recipes {

/// How a sparse layer's experts share text that no router row was chosen on, before any training.
struct ReceiptLoad {
  std::int64_t layer = 0;
  std::int64_t dead = 0;       // experts without a token
  std::int64_t starved = 0;    // with less than a tenth of the mean, dead ones among them
  double max_over_mean = 0.0;  // of the tokens of an expert
  bool operator==(const ReceiptLoad&) const = default;
};

struct Receipt {
  std::string stage;
  std::int64_t step = 0;     // steps finished over all stages when the conversion took place
  moe::ConversionKind conversion = moe::ConversionKind::kSparsifyCopy;
  bool exact = false;        // promised by the recipe (a pure function decides), not measured
  double loss_before = 0.0;  // nats per token on the held batch, cross-entropy alone
  double loss_after = 0.0;
  double max_abs_logit_difference = 0.0;
  std::int64_t parameters_before = 0;
  std::int64_t parameters_after = 0;
  std::int64_t active_parameters_before = 0;
  std::int64_t active_parameters_after = 0;
  std::string held_batch_sha256;
  std::string note;  // "" for the conversion itself; else what was done on top of it, e.g. "after weight_noise 0.01"
  std::string choice;               // what was taken of several ways tried (flatten), "" where there is one
  std::vector<ReceiptLoad> loads;  // by sparse layer; empty where something comes on top of it, or where it is not known
  double load_bound = 0.0;  // max_over_mean that the most frequent token sets, whose equal inputs go to the same experts
  std::int64_t load_tokens = 0;
  bool operator==(const Receipt&) const = default;
};

/// The share of the most frequent of `tokens`, an expert that gets them all, over the mean load.
double load_bound(const std::vector<std::int32_t>& tokens, std::int64_t num_experts, std::int64_t top_k);
ReceiptLoad receipt_load(std::int64_t layer, const std::vector<std::int64_t>& counts);

/// Largest allowed max |logit difference| and |loss difference|.
struct ReceiptLimits {
  double logits;
  double loss;
};

/// 1e-4 and 1e-5 for float32 and for bfloat16 (evaluated upcast to float32), 1e-10 for float64.
ReceiptLimits receipt_limits(DType model_dtype);

/// False for NaN.
bool within_limits(const Receipt& receipt, DType model_dtype);

/// Ends in silence if training may go on; else a diverged error (exit 5) with the numbers. A jump is allowed where the recipe
/// says allow_jump, and in a receipt with a note (the recipe asked for the noise it reports); a loss or logits that are not
/// finite never are.
void judge_receipt(const Receipt& receipt, DType model_dtype, bool allow_jump);

/// A few aligned lines for the terminal.
std::vector<std::string> format_receipt(const Receipt& receipt, DType model_dtype);

/// The conversion is told as "kind", its stage's type, and "method", "" where such stages have no choice.
JsonRow receipt_row(const Receipt& receipt);
/// Data error if kind and method are no conversion.
Receipt receipt_from_row(const JsonRow& row);

/// receipts.jsonl, on rank 0. A replayed conversion writes no second receipt.
class ReceiptLog {
 public:
  /// Opens `path`, cut back to `resumed_step`: receipts of conversions at that step stay, later ones go (-1: all go).
  ReceiptLog(const std::filesystem::path& path, std::int64_t resumed_step);
  /// Written through to the disk when it returns: a receipt is a promise, not a log line.
  void append(const Receipt& receipt);
  /// The receipts of one conversion (one stage, one step). True if it is a replay: the log has them, of the same conversion. Else
  /// they replace what an earlier start, with other values for the stage, wrote for that step.
  bool settle(const std::vector<Receipt>& conversion);
  /// Puts back what the file lost of a checkpoint's receipts.
  void restore(const std::vector<Receipt>& saved);
  const std::vector<Receipt>& all() const { return receipts_; }
  /// The file's content.
  std::string text() const;

 private:
  void write() const;

  std::filesystem::path path_;
  std::vector<Receipt> receipts_;
};

/// The receipts of the file in their order; none if there is no file.
std::vector<Receipt> read_receipts(const std::filesystem::path& path);

}  // namespace sluice::recipes
