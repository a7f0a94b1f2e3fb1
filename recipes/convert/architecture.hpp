// Hugging Face's architectures as the rest of Sluice sees them: which of them computes the same function as a model of ours (with the
// routing of Transformers 5.17), and how its checkpoints store our tensors. Each is one file in architectures/.
#pragma once

#include "recipes/convert/model_description.hpp"
#include "recipes/convert/stored_tensor.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::recipes {

class Architecture;

/// All architectures, in the order in which architecture_of() tries them.
const std::vector<const Architecture*>& architectures();
/// The architecture with this model_type; null if there is none.
const Architecture* find_architecture(std::string_view model_type);
std::string_view model_type_of(const Architecture& architecture);  // "qwen3_moe"
std::string_view class_of(const Architecture& architecture);       // "Qwen3MoeForCausalLM"

struct ArchitectureChoice {
  const Architecture* architecture = nullptr;
  std::string reason;  // why there is none
};

/// The first architecture that gives the same logits from the same weights, or the reason why none does. Pure.
ArchitectureChoice architecture_of(const ModelDescription& model);

/// The tensors of the model in a checkpoint of ours, under the names of its architecture, or under our own if it has none. For Glm4Moe also
/// those that it requires and the model lacks: selection biases of zeros, shared experts of width 0.
std::vector<StoredTensor> stored_tensors(const ModelDescription& model);

/// The tensors of the model in a folder whose files hold tensors of these names: as above, or with the experts of a layer stacked, as
/// Transformers 5 writes them on request. `architecture` is null for a model of ours without one.
std::vector<StoredTensor> stored_tensors(const ModelDescription& model, const Architecture* architecture,
                                         const std::vector<std::string>& names);

/// Whether a tensor of a checkpoint is ignored, as Transformers ignores it: rotary frequencies of old files, layers of multi-token
/// prediction behind the last layer, a head stored beside tied embeddings.
struct LeftAside {
  std::string reason;         // why it is ignored; "": it is not, it must be one of the model's tensors
  bool is_tied_head = false;  // it must be equal to the embedding
};
LeftAside left_aside(const ModelDescription& model, const Architecture& architecture, std::string_view name);

}  // namespace sluice::recipes
