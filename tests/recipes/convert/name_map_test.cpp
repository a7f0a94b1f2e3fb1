#include "recipes/convert/name_map.hpp"

#include "tests/recipes/convert/model_samples.hpp"
#include "tests/support/catch.hpp"

#include <set>

using namespace sluice;
using namespace sluice::recipes;

TEST_CASE("names go to their family and come back, one to one") {
  for (const NamedModel& sample : model_samples())
    for (const Architecture architecture : kArchitectures) {
      std::set<std::string> family_names;
      for (const CanonicalTensor& tensor : canonical_tensors(sample.model)) {
        const std::string family = to_family_name(architecture, tensor.name);
        INFO(sample.name << ": " << tensor.name << " -> " << family);
        REQUIRE(family_names.insert(family).second);
        REQUIRE(to_canonical_name(architecture, family) == tensor.name);
      }
    }
}

TEST_CASE("Mixtral's names are its own") {
  const auto name = [](const char* canonical) { return to_family_name(Architecture::kMixtral, canonical); };
  CHECK(name("model.layers.3.mlp.gate.weight") == "model.layers.3.block_sparse_moe.gate.weight");
  CHECK(name("model.layers.3.mlp.experts.12.gate_proj.weight") == "model.layers.3.block_sparse_moe.experts.12.w1.weight");
  CHECK(name("model.layers.3.mlp.experts.12.up_proj.weight") == "model.layers.3.block_sparse_moe.experts.12.w3.weight");
  CHECK(name("model.layers.3.mlp.experts.12.down_proj.weight") == "model.layers.3.block_sparse_moe.experts.12.w2.weight");
  CHECK(name("model.layers.3.self_attn.q_proj.weight") == "model.layers.3.self_attn.q_proj.weight");
  CHECK(to_family_name(Architecture::kQwen3Moe, "model.layers.3.mlp.gate.weight") == "model.layers.3.mlp.gate.weight");
}

TEST_CASE("no two names of a Mixtral file become one") {
  const std::vector<std::string> names = {"model.layers.0.block_sparse_moe.gate.weight",
                                          "model.layers.0.mlp.gate.weight",
                                          "model.layers.0.block_sparse_moe.experts.0.w1.weight",
                                          "model.layers.0.block_sparse_moe.experts.0.gate_proj.weight",
                                          "model.layers.0.mlp.experts.0.w1.weight",
                                          "model.layers.0.mlp.experts.0.gate_proj.weight",
                                          "model.layers.0.block_sparse_moe.experts.w1.weight",
                                          "model.layers.0.block_sparse_moe.experts.0.w9.weight"};
  std::set<std::string> canonical;
  for (const std::string& name : names)
    if (const auto mapped = to_canonical_name(Architecture::kMixtral, name)) {
      INFO(name);
      CHECK(canonical.insert(*mapped).second);
    }
  CHECK(!to_canonical_name(Architecture::kMixtral, names[1]));
  CHECK(!to_canonical_name(Architecture::kMixtral, names[3]));
  CHECK(to_canonical_name(Architecture::kMixtral, names[0]) == "model.layers.0.mlp.gate.weight");
}

TEST_CASE("only what Transformers leaves aside is left aside") {
  const ModelDescription tied = dense_sample(QkNorm::kHead), untied = dense_sample(QkNorm::kNone);
  CHECK(ignored_on_load(untied, Architecture::kLlama, "model.layers.0.self_attn.rotary_emb.inv_freq"));
  CHECK(!ignored_on_load(untied, Architecture::kLlama, "lm_head.weight"));
  REQUIRE(ignored_on_load(tied, Architecture::kQwen3, "lm_head.weight"));
  CHECK(ignored_on_load(tied, Architecture::kQwen3, "lm_head.weight")->is_tied_head);
  CHECK(ignored_on_load(tied, Architecture::kGlm4Moe, "model.layers.4.eh_proj.weight"));
  CHECK(!ignored_on_load(tied, Architecture::kGlm4Moe, "model.layers.40.eh_proj.weight"));
  CHECK(!ignored_on_load(tied, Architecture::kQwen3, "model.layers.4.eh_proj.weight"));
  CHECK(!ignored_on_load(tied, Architecture::kQwen3, "model.layers.0.self_attn.q_proj.bias"));
}
