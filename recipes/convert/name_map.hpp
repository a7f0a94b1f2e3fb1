// Canonical tensor names and those of Hugging Face families, one to one. Only Mixtral's differ:
//   mlp.gate.weight = block_sparse_moe.gate.weight; mlp.experts.e.{gate,up,down}_proj = block_sparse_moe.experts.e.{w1,w3,w2}
#pragma once

#include "recipes/convert/family.hpp"

#include <optional>
#include <string>

namespace sluice::recipes {

/// The family's name of a canonical tensor.
std::string to_family_name(Architecture architecture, const std::string& canonical);

/// The canonical name of a family's tensor; nothing if the family cannot have a tensor of that name (Mixtral with `.mlp.` in it).
/// Names of no tensor at all pass unchanged, so that accounting shows them as extra.
std::optional<std::string> to_canonical_name(Architecture architecture, const std::string& family);

/// Why a tensor that Hugging Face checkpoints carry is left aside, or nothing if it must be accounted for. Transformers leaves the same
/// ones aside: rotary frequencies of old files, multi-token-prediction layers behind the last, a head stored beside tied embeddings
/// (`is_tied_head` is then true: it must equal them).
struct Ignored {
  std::string reason;
  bool is_tied_head = false;
};
std::optional<Ignored> ignored_on_load(const ModelDescription& model, Architecture architecture, const std::string& canonical);

}  // namespace sluice::recipes
