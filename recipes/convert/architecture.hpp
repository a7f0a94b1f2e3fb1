// Hugging Face's architectures as the rest of Sluice sees them: which one computes what a model of ours computes (routing: Transformers
// 5.17), and how its checkpoints hold our tensors. Each is one file in architectures/.
#pragma once

#include "recipes/convert/model_description.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::recipes {

class Architecture;

/// All of them, in the order in which they are asked.
const std::vector<const Architecture*>& architectures();
/// Null if we compute none of that model_type.
const Architecture* find_architecture(std::string_view model_type);
std::string_view model_type_of(const Architecture& architecture);  // "qwen3_moe"
std::string_view class_of(const Architecture& architecture);       // "Qwen3MoeForCausalLM"

struct ArchitectureChoice {
  const Architecture* architecture = nullptr;
  std::string reason;  // why there is none
};

/// The first architecture that gives the same logits from the same weights, or the reason why none does. Pure.
ArchitectureChoice architecture_of(const ModelDescription& model);

/// One of our tensors in a stored one, element by element from `offset` on.
struct StoredPart {
  CanonicalTensor tensor;
  std::int64_t offset = 0;
};

/// A tensor as it lies in a model's files.
struct StoredTensor {
  checkpoint::TensorInfo info;    // under the architecture's name
  std::vector<StoredPart> parts;  // one where it is ours under another name, several in a stack; none: all zeros, which the
                                  // architecture asks for and the model does not have
};

/// What the model part of a checkpoint of ours holds: under the architecture's names, or where there is none our own; and what Glm4Moe
/// expects of a model without them: selection biases of zeros, shared experts of width 0. Each has one part or none.
std::vector<StoredTensor> stored_tensors(const ModelDescription& model);

/// How a folder with tensors of these names holds the model: as stored_tensors(), or with the experts of a layer stacked, as Transformers 5
/// writes them on request. `architecture` null: a model of ours without one.
std::vector<StoredTensor> stored_tensors(const ModelDescription& model, const Architecture* architecture, const std::vector<std::string>& names);

/// A tensor that checkpoints of an architecture carry and that is left aside, as Transformers leaves it: rotary frequencies of old files,
/// layers of multi-token prediction behind the last, a head stored beside tied embeddings (it must equal them).
struct LeftAside {
  std::string reason;  // empty: it must be accounted for
  bool is_tied_head = false;
};
LeftAside left_aside(const ModelDescription& model, const Architecture& architecture, std::string_view name);

}  // namespace sluice::recipes
