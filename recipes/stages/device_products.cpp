#include "recipes/stages/device_products.hpp"

#include "core/ops/cuda.hpp"

#include <algorithm>

namespace sluice::recipes {

std::string describe_products(const Recipe& recipe, const DecoderConfig& decoder, const std::vector<int>& majors) {
  const bool bfloat16 = recipe.dtype == DType::kBFloat16;
  std::string text =
      bfloat16 ? "a micro-batch's gradient of a weight (of the head: a block of rows') is rounded to bfloat16 once, then added in float32; "
               : "";
  const auto& stages = recipe.stages;
  const bool is_sparse = std::any_of(stages.begin(), stages.end(), [](const Stage& stage) { return stage.moe.has_value(); });
  const bool spread = std::any_of(stages.begin(), stages.end(), [](const Stage& stage) { return stage.parallel.expert > 1; });
  const auto fits = [&](const Stage& stage) {
    return !stage.moe ||
           ops::fits_grouped_kernel(stage.moe->num_experts / stage.parallel.expert, decoder.hidden_size, stage.moe->expert_hidden_size);
  };
  const bool at_once = bfloat16 && std::all_of(stages.begin(), stages.end(), fits) &&
                       std::all_of(majors.begin(), majors.end(), [](int major) { return ops::has_grouped_kernel(major); });
  if (is_sparse) text += at_once ? "a rank's experts at once; " : "experts one after the other; ";
  if (is_sparse && (spread || !at_once))
    return text + "counts are read from the device once for each sparse layer, micro-batch and forward pass";
  return text +
         (majors.size() == 1 ? "nothing is read from the device between reports" : "only what ranks exchange is read between reports");
}

}  // namespace sluice::recipes
