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

/// How evenly the experts of a sparse layer share the tokens of a text right after a conversion, before any training. The text is not the
/// one that router rows were chosen on.
struct ReceiptLoad {
  std::int64_t layer = 0;
  std::int64_t dead = 0;       // experts without a token
  std::int64_t starved = 0;    // experts with less than a tenth of the mean, dead ones included
  double max_over_mean = 0.0;  // tokens of the expert with the most / mean over the experts
  bool operator==(const ReceiptLoad&) const = default;
};

struct Receipt {
  std::string stage;
  std::int64_t step = 0;  // steps finished over all stages when the conversion took place
  moe::ConversionKind conversion = moe::ConversionKind::kSparsifyCopy;
  bool exact = false;        // the conversion keeps the function (moe::exactness); not measured
  double loss_before = 0.0;  // nats per token on the held batch, cross-entropy alone
  double loss_after = 0.0;
  double max_abs_logit_difference = 0.0;
  std::int64_t parameters_before = 0;
  std::int64_t parameters_after = 0;
  std::int64_t active_parameters_before = 0;
  std::int64_t active_parameters_after = 0;
  std::string held_batch_sha256;
  std::string note;                // "" for the conversion itself; else the changes made after it, e.g. "after weight_noise 0.01"
  std::string choice;              // of several ways tried (flatten) the one that was taken; "" if there is only one way
  std::vector<ReceiptLoad> loads;  // by sparse layer, in the last receipt of a conversion; empty in the others and in older files
  double load_bound = 0.0;         // load_bound() of the tokens that `loads` were counted on
  std::int64_t load_tokens = 0;    // how many tokens these are
  bool operator==(const Receipt&) const = default;
};

/// The max_over_mean of an expert that gets every occurrence of the most frequent of `tokens`, and nothing else: count * num_experts /
/// (tokens.size() * top_k). Routers that send equal tokens to the same experts cannot do better.
double load_bound(const std::vector<std::int32_t>& tokens, std::int64_t num_experts, std::int64_t top_k);
/// The load of sparse layer `layer`; counts [experts] are the tokens that each expert got.
ReceiptLoad receipt_load(std::int64_t layer, const std::vector<std::int64_t>& counts);

/// Largest allowed max |logit difference| and |loss difference|.
struct ReceiptLimits {
  double logits;
  double loss;
};

/// 1e-4 and 1e-5 for float32 and for bfloat16 (evaluated upcast to float32), 1e-10 for float64.
ReceiptLimits receipt_limits(DType model_dtype);

/// Whether the differences are within receipt_limits(); false if one is NaN.
bool within_limits(const Receipt& receipt, DType model_dtype);

/// Throws a diverged error (exit 5) with the numbers if training must not go on: if a loss or a logit difference is not finite, or if the
/// differences are beyond the limits. The latter is allowed with `allow_jump` (of the recipe), and in a receipt with a note, whose change
/// the recipe asked for.
void judge_receipt(const Receipt& receipt, DType model_dtype, bool allow_jump);

/// A few aligned lines for the terminal.
std::vector<std::string> format_receipt(const Receipt& receipt, DType model_dtype);

/// The conversion is told as "kind", its stage's type, and "method", "" where such stages have no choice.
JsonRow receipt_row(const Receipt& receipt);
/// Data error if kind and method are no conversion.
Receipt receipt_from_row(const JsonRow& row);

/// Writes receipts.jsonl, on rank 0. A conversion that a resumed run repeats writes no second receipt.
class ReceiptLog {
 public:
  /// Opens `path` and cuts it back to `resumed_step`: receipts of later steps are removed (-1: all are).
  ReceiptLog(const std::filesystem::path& path, std::int64_t resumed_step);
  /// Takes the receipts of one conversion (one stage, one step). Returns true, and changes nothing, if the log has them already because
  /// the conversion is repeated. Else they replace the receipts of that step, which an earlier start with other values for the stage wrote,
  /// and are on the disk when this returns.
  bool settle(const std::vector<Receipt>& conversion);
  /// Adds those of a checkpoint's receipts that the file has lost.
  void restore(const std::vector<Receipt>& saved);
  /// The file's content.
  std::string text() const;

 private:
  void write() const;

  std::filesystem::path path_;
  std::vector<Receipt> receipts_;
};

/// The receipts of the file in their order; none if there is no file. A line that is none is ignored with a warning.
std::vector<Receipt> read_receipts(const std::filesystem::path& path);

}  // namespace sluice::recipes
