#include "recipes/convert/architectures/definition.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>

namespace sluice::recipes {

#define SLUICE_ARCHITECTURE(name) const Architecture& name();
#include "recipes/convert/architectures/list.inc"

namespace {

constexpr std::string_view kStackedIn = ".mlp.experts.gate_up_proj", kStackedOut = ".mlp.experts.down_proj";

std::vector<StoredTensor> ours(const ModelDescription& model) {
  std::vector<StoredTensor> stored;
  for (CanonicalTensor& tensor : canonical_tensors(model)) {
    checkpoint::TensorInfo info{tensor.name, checkpoint::stored_type_of(tensor.dtype), tensor.shape};
    stored.push_back({std::move(info), {{std::move(tensor)}}});
  }
  return stored;
}

// `tensors` with the experts of each layer in two stacks, gate_up_proj [E, 2F, D] and down_proj [E, D, F], as Transformers 5 holds them in
// memory. All other tensors get our canonical names, which Transformers 5 writes in that case.
std::vector<StoredTensor> with_stacks(const ModelDescription& model, std::vector<StoredTensor> tensors) {
  const moe::MoeConfig& moe = *model.moe;
  const std::int64_t matrix = moe.expert_hidden_size * model.decoder.hidden_size;
  std::vector<StoredTensor> stored;
  std::map<std::string, std::size_t> places;  // of the stacks, by name
  const auto stack = [&](const TensorId& id, std::string_view name, checkpoint::Shape shape) -> StoredTensor& {
    const std::string whole = layer_prefix(id.layer) + std::string(name);
    const auto [place, is_new] = places.emplace(whole, stored.size());
    if (!is_new) return stored[place->second];
    return stored.emplace_back(StoredTensor{{whole, checkpoint::stored_type_of(model.dtype), std::move(shape)}, {}});
  };
  for (StoredTensor& tensor : tensors) {
    if (tensor.parts.empty() || tensor.parts.front().tensor.id.part != TensorPart::kExpert) {
      if (!tensor.parts.empty()) tensor.info.name = tensor.parts.front().tensor.name;
      stored.push_back(std::move(tensor));
      continue;
    }
    StoredPart& part = tensor.parts.front();
    const TensorId id = part.tensor.id;
    if (id.kind == TensorKind::kDown) {
      part.offset = id.expert * matrix;
      stack(id, kStackedOut, {moe.num_experts, model.decoder.hidden_size, moe.expert_hidden_size}).parts.push_back(std::move(part));
    } else {
      part.offset = (2 * id.expert + (id.kind == TensorKind::kUp ? 1 : 0)) * matrix;
      stack(id, kStackedIn, {moe.num_experts, 2 * moe.expert_hidden_size, model.decoder.hidden_size}).parts.push_back(std::move(part));
    }
  }
  return stored;
}

}  // namespace

const std::vector<const Architecture*>& architectures() {
  static const std::vector<const Architecture*> all = {
#define SLUICE_ARCHITECTURE(name) &name(),
#include "recipes/convert/architectures/list.inc"
  };
  return all;
}

const Architecture* find_architecture(std::string_view model_type) {
  for (const Architecture* architecture : architectures())
    if (architecture->model_type == model_type) return architecture;
  return nullptr;
}

std::string_view model_type_of(const Architecture& architecture) { return architecture.model_type; }
std::string_view class_of(const Architecture& architecture) { return architecture.class_name; }

ArchitectureChoice architecture_of(const ModelDescription& model) {
  if (model.moe && model.moe->family_size > 1)
    return {nullptr, fmt::format("a router of families of {} experts; `flatten` makes a plain one", model.moe->family_size)};
  if (model.moe && model.moe->capacity_factor > 0)
    return {nullptr, fmt::format("capacity_factor {} drops tokens; the architectures never do", model.moe->capacity_factor)};
  std::string nearest;
  for (const Architecture* architecture : architectures()) {
    const auto misfit = architecture->misfit(model);
    if (!misfit) return {architecture, ""};
    if (nearest.empty()) nearest = *misfit;
  }
  return {nullptr, nearest};
}

std::vector<StoredTensor> Architecture::tensors(const ModelDescription& model) const { return ours(model); }

std::string Architecture::left_aside(const ModelDescription&, std::string_view) const { return ""; }

std::vector<StoredTensor> stored_tensors(const ModelDescription& model) {
  const Architecture* architecture = architecture_of(model).architecture;
  return architecture != nullptr ? architecture->tensors(model) : ours(model);
}

std::vector<StoredTensor> stored_tensors(const ModelDescription& model, const Architecture* architecture,
                                         const std::vector<std::string>& names) {
  if (architecture == nullptr) return ours(model);
  const bool stacked =
      model.moe && std::any_of(names.begin(), names.end(), [](std::string_view name) { return name.ends_with(kStackedIn); });
  return stacked ? with_stacks(model, architecture->tensors(model)) : architecture->tensors(model);
}

LeftAside left_aside(const ModelDescription& model, const Architecture& architecture, std::string_view name) {
  if (name.ends_with(".rotary_emb.inv_freq")) return {"rotary frequencies are computed, not loaded"};
  if (model.decoder.tie_word_embeddings && name == name_of(TensorId{"", TensorPart::kHead}))
    return {"the head is tied to the embedding", true};
  return {architecture.left_aside(model, name)};
}

}  // namespace sluice::recipes
