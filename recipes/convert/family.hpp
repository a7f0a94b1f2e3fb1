// Which Hugging Face architecture computes what a model of ours computes (routing: Transformers 5.17).
#pragma once

#include "recipes/convert/model_description.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::recipes {

enum class Architecture { kLlama, kQwen3, kMixtral, kQwen3Moe, kGlm4Moe };
inline constexpr Architecture kArchitectures[] = {Architecture::kLlama, Architecture::kQwen3, Architecture::kMixtral,
                                                  Architecture::kQwen3Moe, Architecture::kGlm4Moe};

std::string_view model_type_of(Architecture architecture);  // "qwen3_moe"
std::string_view class_of(Architecture architecture);       // "Qwen3MoeForCausalLM"
std::optional<Architecture> parse_model_type(std::string_view model_type);

struct ArchitectureChoice {
  std::optional<Architecture> architecture;
  std::string reason;  // why there is none
};

/// The architecture that gives the same logits from the same weights, or the reason why none does. Pure.
ArchitectureChoice architecture_of(const ModelDescription& model);

/// A tensor as it lies in the model's safetensors files.
struct StoredTensor {
  checkpoint::TensorInfo info;  // under the family's name
  std::string canonical_name;
  std::optional<CanonicalTensor> source;  // absent: all zeros, which the architecture asks for and the model does not have
};

/// What the model part of a checkpoint holds: the canonical tensors under the family's names (their own where there is no
/// architecture), and what Glm4Moe expects of a model without them: selection biases of zeros, shared experts of width 0.
std::vector<StoredTensor> stored_tensors(const ModelDescription& model);

}  // namespace sluice::recipes
