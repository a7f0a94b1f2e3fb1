#include "recipes/convert/name_map.hpp"

#include <array>
#include <string_view>
#include <utility>

namespace sluice::recipes {
namespace {

constexpr std::string_view kMixtralBlock = ".block_sparse_moe.";
constexpr std::string_view kMlp = ".mlp.";
constexpr std::array<std::pair<std::string_view, std::string_view>, 3> kExpertParts = {
    {{"gate_proj", "w1"}, {"up_proj", "w3"}, {"down_proj", "w2"}}};

/// The part of "…experts.E.PART.weight" that names the projection: its place and length; {npos, 0} elsewhere.
std::pair<std::size_t, std::size_t> projection_in(std::string_view name, std::size_t block_end) {
  constexpr std::string_view experts = "experts.";
  if (name.substr(block_end, experts.size()) != experts) return {name.npos, 0};
  const std::size_t number = block_end + experts.size();
  const std::size_t dot = name.find('.', number);
  if (dot == name.npos || dot == number || name.substr(number, dot - number).find_first_not_of("0123456789") != name.npos)
    return {name.npos, 0};
  const std::size_t end = name.find('.', dot + 1);
  return end == name.npos ? std::pair{name.npos, std::size_t{0}} : std::pair{dot + 1, end - dot - 1};
}

/// Exchanges the block's name and the projection's; a name without the block passes unchanged.
std::string rename(const std::string& name, std::string_view block, std::string_view new_block, bool to_mixtral) {
  const std::size_t at = name.find(block);
  if (at == name.npos) return name;
  std::string renamed = name;
  if (const auto [place, length] = projection_in(name, at + block.size()); place != name.npos) {
    for (const auto& [canonical, mixtral] : kExpertParts)
      if (std::string_view(name).substr(place, length) == (to_mixtral ? canonical : mixtral)) {
        renamed.replace(place, length, to_mixtral ? mixtral : canonical);
        break;
      }
  }
  return renamed.replace(at, block.size(), new_block);
}

}  // namespace

std::string to_family_name(Architecture architecture, const std::string& canonical) {
  return architecture == Architecture::kMixtral ? rename(canonical, kMlp, kMixtralBlock, true) : canonical;
}

std::optional<std::string> to_canonical_name(Architecture architecture, const std::string& family) {
  if (architecture != Architecture::kMixtral) return family;
  // Two names must never become one: what does not come back is not a name of this family.
  std::string canonical = rename(family, kMixtralBlock, kMlp, false);
  return to_family_name(architecture, canonical) == family ? std::optional(std::move(canonical)) : std::nullopt;
}

std::optional<Ignored> ignored_on_load(const ModelDescription& model, Architecture architecture, const std::string& canonical) {
  if (canonical.ends_with(".rotary_emb.inv_freq")) return Ignored{"rotary frequencies are computed, not loaded"};
  if (model.decoder.tie_word_embeddings && canonical == "lm_head.weight") return Ignored{"the head is tied to the embedding", true};
  // GLM's multi-token-prediction block is stored as one more layer.
  if (architecture == Architecture::kGlm4Moe && canonical.starts_with("model.layers." + std::to_string(model.decoder.num_layers) + "."))
    return Ignored{"multi-token prediction is not part of the model"};
  return std::nullopt;
}

}  // namespace sluice::recipes
