// The catalogue of all sections, and what an unknown key probably meant.
#include "recipes/schema/keys.hpp"

#include "recipes/schema/nearest.hpp"
#include "recipes/schema/slips.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <string>

namespace sluice::recipes {
namespace {

KeyInfo section(std::string name, std::string see, std::string doc, std::vector<std::string> aliases = {}) {
  return {std::move(name), "section", "see " + std::move(see), std::move(doc), std::move(aliases), ""};
}

template <class T>
std::vector<KeyInfo> with(const Keys<T>& keys, std::vector<KeyInfo> more) {
  std::vector<KeyInfo> all = describe_keys(keys);
  all.insert(all.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
  return all;
}

// Other frameworks write flags with dashes and sometimes capitals.
std::string normal(const std::string& name) {
  std::string text;
  for (const char c : name) text += c == '-' ? '_' : static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  text.erase(0, text.find_first_not_of('_') == std::string::npos ? 0 : text.find_first_not_of('_'));
  return text;
}

const KeyInfo* find_name(const SectionInfo& section, const std::string& name) {
  for (const KeyInfo& key : section.keys)
    if (key.name == name) return &key;
  return nullptr;
}

const KeyInfo* find_alias(const SectionInfo& section, const std::string& name) {
  for (const KeyInfo& key : section.keys)
    if (contains(key.aliases, name)) return &key;
  return nullptr;
}

std::string full_name(const SectionInfo& section, const KeyInfo& key) {
  if (section.path.empty()) return key.name;
  return (section.path == "stages" ? "stages.NAME" : section.path) + "." + key.name;
}

}  // namespace

void require_map(const Node& node, const std::string& title) {
  if (node.is_map() || node.kind == Node::Kind::kNothing) return;
  fail_at(node.mark, fmt::format("{} must be a map, found {}", title, describe_no_map(node)));
}

bool contains(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

const std::vector<SectionInfo>& sections() {
  static const std::vector<SectionInfo> all = {
      {"", "The top level. Relative paths in a recipe resolve against the working directory; `extends` against the file that says it.",
       with(recipe_keys(),
            {{"extends",
              "text",
              "",
              "a recipe this one starts from: maps are merged, lists replaced",
              {"defaults", "base_recipe", "inherit"},
              ""},
             section("data", "data", "the text", {"dataset", "datasets", "data_config"}),
             section("model", "model", "the shape of the dense decoder", {"model_config", "model_args"}),
             section("train", "train", "batches and optimizer", {"training", "trainer", "optimizer", "optim", "training_args"}),
             section("parallel", "parallel", "the layout", {"parallelism", "parallel_dims", "distributed", "mesh"}),
             section("stages", "stages", "what happens, in order; required", {"phases", "schedule", "pipeline"}),
             section("checkpoint", "checkpoint", "what is saved", {"checkpoints", "checkpointer", "checkpointing", "saving"})})},
      {"data", "Text and how it becomes tokens and samples.", describe_keys(data_keys())},
      {"data.tokenizer", "Also written as one word: `tokenizer: bytes`. Stating `path` drops an inherited `type`, and the other way round.",
       describe_keys(tokenizer_keys())},
      {"model", "The dense decoder. With `init_from` it comes from there, and a key that differs is refused.",
       with(model_keys(), {section("moe", "moe", "start sparse: the shape of the sparse layers", {"moe_config", "moe_args"})})},
      {"moe",
       "`model.moe` of a run that starts sparse, and `moe` of a stage. A stage's keys change the shape that the stage before left; "
       "sparsify starts from the defaults.",
       describe_keys(moe_keys())},
      {"train", "Batches and AdamW.", describe_keys(train_keys())},
      {"parallel", "The layout; it never changes a result.", describe_keys(parallel_keys())},
      {"stages",
       "A list of stages. A stage may carry its own `data`, `train`, `model` and `parallel`, which override the top level for it.",
       with(stage_keys(),
            {section("moe", "moe", "what the conversion makes; in a pretrain stage the coefficients only", {"moe_config", "moe_args"}),
             section("data", "data", "overrides for this stage; the tokenizer stays"),
             section("train", "train", "overrides for this stage", {"training", "optimizer", "optim"}),
             section("model", "model", "must equal the top level in this build"),
             section("parallel", "parallel", "overrides for this stage", {"parallelism"})})},
      {"checkpoint", "What is saved and kept.", describe_keys(checkpoint_keys())},
  };
  return all;
}

const std::vector<ForeignName>& foreign_names() {
  static const std::vector<ForeignName> names = {
      {"gradient_accumulation_steps", "accumulation is derived from global_batch_size, micro_batch_size and the ranks"},
      {"resume_from_checkpoint", "a run continues by itself when it is started again; init_from starts from another checkpoint"},
      {"tensor_model_parallel_size", "tensor parallelism is not available; all ranks are data-parallel and 'parallel.expert' divides them"},
      {"tensor_parallel_degree", "tensor parallelism is not available; all ranks are data-parallel and 'parallel.expert' divides them"},
      {"tensor_parallel_size", "tensor parallelism is not available; all ranks are data-parallel and 'parallel.expert' divides them"},
      {"pipeline_model_parallel_size",
       "pipeline parallelism is not available; all ranks are data-parallel and 'parallel.expert' divides them"},
      {"pipeline_parallel_degree", "pipeline parallelism is not available; all ranks are data-parallel and 'parallel.expert' divides them"},
      {"context_parallel_size", "context parallelism is not available; all ranks are data-parallel and 'parallel.expert' divides them"},
      {"context_parallel_degree", "context parallelism is not available; all ranks are data-parallel and 'parallel.expert' divides them"},
      {"expert_tensor_parallel_size", "an expert is never cut; 'parallel.expert' spreads whole experts over ranks"},
      {"data_parallel_size", "all ranks are data-parallel; 'parallel.expert' divides them"},
      {"num_groups", "group-limited routing is not available"},
      {"n_group", "group-limited routing is not available"},
      {"num_expert_groups", "group-limited routing is not available"},
      {"moe_router_num_groups", "group-limited routing is not available"},
      {"group_topk", "group-limited routing is not available"},
      {"topk_group", "group-limited routing is not available"},
      {"moe_router_group_topk", "group-limited routing is not available"},
      {"drop_policy", "with a capacity_factor tokens are dropped in their order inside the sequence; there is no other policy"},
      {"moe_token_drop_policy", "with a capacity_factor tokens are dropped in their order inside the sequence; there is no other policy"},
      {"moe_grouped_gemm", "experts are always computed as grouped matrix products; leave it out"},
      {"use_grouped_mm", "experts are always computed as grouped matrix products; leave it out"},
      {"report_to", "metrics.jsonl and TensorBoard events are always written to the run; leave it out"},
      {"tensorboard_dir", "metrics.jsonl and TensorBoard events are always written to the run; leave it out"},
      {"hidden_act", "every feed-forward is SwiGLU; leave it out"},
      {"dropout", "dropout is not available"},
  };
  return names;
}

std::string unknown_key(const std::string& path, const std::string& title, const std::string& key) {
  const std::string unknown = fmt::format("unknown key '{}'{}", key, path.empty() ? "" : " in " + title);
  if (const std::string slip = colon_slip(key); !slip.empty()) return fmt::format("{}: {}", unknown, slip);
  if (key.rfind("x-", 0) == 0) return unknown + ": keys that are passed over (x-...) stand at the top level of a file";
  const auto meant = [&](const std::string& name) { return fmt::format("{}; did you mean '{}'?", unknown, name); };
  const std::string name = normal(key);
  const SectionInfo* here = nullptr;
  for (const SectionInfo& section : sections())
    if (section.path == path) here = &section;
  std::vector<std::string> names;
  for (const KeyInfo& info : here->keys) names.push_back(info.name);
  // From sure to vague: another spelling here, a name of other frameworks here, a key or such a name elsewhere, the nearest here.
  if (const KeyInfo* found = find_name(*here, name)) return meant(found->name);
  if (const KeyInfo* found = find_alias(*here, name)) return meant(found->name);
  for (const ForeignName& foreign : foreign_names())
    if (foreign.name == name) return fmt::format("{}: {}", unknown, foreign.advice);
  const std::string near = nearest(name, names);
  if (!near.empty() && edit_distance(name, near) <= 1) return meant(near);
  for (const auto find : {find_name, find_alias}) {
    for (const SectionInfo& section : sections()) {
      if (&section == here) continue;
      const KeyInfo* found = find(section, name);
      if (found && section.path.empty()) return fmt::format("{}; '{}' stands at the top level", unknown, found->name);
      if (found) return meant(full_name(section, *found));
    }
  }
  if (!near.empty()) return meant(near);
  return fmt::format("{}; known: {}", unknown, fmt::join(names, ", "));
}

}  // namespace sluice::recipes
