#include "core/base/counted.hpp"
#include "core/base/integers.hpp"
#include "core/base/log.hpp"
#include "core/base/machine_memory.hpp"
#include "core/tensor/cuda_device.hpp"
#include "recipes/convert/architecture.hpp"
#include "recipes/run/units.hpp"
#include "recipes/schema/conversion.hpp"
#include "recipes/schema/routing_checks.hpp"
#include "recipes/schema/validate.hpp"
#include "recipes/stages/balanced_routers.hpp"
#include "recipes/stages/device_products.hpp"
#include "recipes/stages/language_objective.hpp"
#include "recipes/stages/learning_rates.hpp"
#include "recipes/stages/memory_shape.hpp"
#include "recipes/stages/model_io.hpp"
#include "recipes/stages/trainer.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <string>

namespace sluice::recipes {
namespace {

std::string training_text(const data::Corpus& corpus) {
  std::uint64_t files = 0;
  double bytes = 0, tokens = 0;
  for (const data::SourceSummary& source : corpus.summary().train) {
    files += source.statistics.files;
    bytes += static_cast<double>(source.statistics.bytes);
    tokens += static_cast<double>(source.statistics.tokens);
  }
  const std::uint64_t unused = corpus.unused_tokens();
  return fmt::format("{}, {} of text, {} tokens{}", counted(files, "file"), human_bytes(bytes), human_count(tokens),
                     unused == 0 ? "" : fmt::format(" ({} at the end fill no sequence)", unused));
}

std::string validation_text(const EvaluationSet& set, const data::Corpus& corpus, std::int64_t asked_for) {
  const std::string text = fmt::format("{} of {}", counted(set.sequences(), "sequence"), set.length);
  return set.sequences() < asked_for ? fmt::format("{}, all there are (eval_sequences: {})", text, asked_for)
                                     : fmt::format("{}, of the {} there are", text, corpus.validation().total_windows());
}

// "stage 'sparse': layer, 12.6 MB a rank and step travel to the experts and back once more".
std::string describe_recompute(const Stage& stage, const DecoderConfig& shape, DType dtype, int ranks) {
  std::string text = fmt::format("stage '{}': {}", stage.name, name_of(stage.train.recompute));
  if (stage.train.recompute != Recompute::kLayer || !stage.moe) return text;
  const std::int64_t expert = stage.parallel.expert;
  if (!parallel::spans_ranks(parallel::resolve(stage.parallel.exchange, static_cast<int>(expert)))) return text;
  // At even load: rows of other ranks' experts, there and back.
  const double rows = static_cast<double>(stage.train.global_batch_size / ranks * stage.data.seq_length * stage.moe->top_k);
  const double elsewhere = static_cast<double>(expert - 1) / static_cast<double>(expert);
  const double bytes = 2 * rows * elsewhere * static_cast<double>(shape.hidden_size) * static_cast<double>(stage.moe->layers.size()) *
                       static_cast<double>(size_of(dtype));
  return text + fmt::format(", {} a rank and step travel to the experts and back once more", human_bytes(bytes));
}

}  // namespace

ModelDescription Trainer::description_of(const std::optional<moe::MoeConfig>& moe) const {
  ModelDescription description;
  description.decoder = shape_;
  description.dtype = recipe_.dtype;
  description.moe = moe;
  return description;
}

StageLine Trainer::stage_line(std::size_t index, const ParameterCount& parameters) const {
  const Stage& stage = recipe_.stages[index];
  const std::int64_t tokens = stage.max_steps * stage.train.global_batch_size * stage.data.seq_length;
  return {stage.name, plans_[index].type, stage.conversion, stage.max_steps, tokens, parameters.total, parameters.active, ""};
}

MemoryEstimate Trainer::estimate_stage(std::size_t index) const {
  const auto of = [&](const Stage& stage, const std::optional<moe::MoeConfig>& moe, bool has_origin) {
    const RankLoad load{stage.train.micro_batch_size,
                        stage.train.global_batch_size / world_.size(),
                        stage.data.seq_length,
                        threads_,
                        own_device_,
                        stage.parallel.exchange,
                        stage.train.recompute};
    MemoryShape shape = memory_shape(description_of(moe), layouts_.at(stage.parallel.expert), load);
    if (has_origin) shape.origin_parameters = 3 * shape_.hidden_size * moe::routed_columns(shape_, *moe) * shape.num_moe_layers;
    return estimate_memory(shape);
  };
  const Stage& stage = recipe_.stages[index];
  MemoryEstimate estimate = of(stage, stage.moe, stage.moe && made_of_dense(recipe_, index));
  if (!stage.conversion) return estimate;
  // During a conversion both models are in memory, but no activations.
  const std::optional<std::size_t> parent = parent_of(recipe_, index);
  const std::optional<moe::MoeConfig>& before = parent ? recipe_.stages[*parent].moe : recipe_.initial_moe;
  double balancing = 0.0;
  if (stage.moe->router_init == moe::RouterInit::kBalanced)
    balancing = balancing_bytes(description_of(stage.moe), stage.conversion_sequences * stage.data.seq_length);
  estimate.conversion = std::max(0.0, of(stage, before, false).model() + balancing - estimate.activations - estimate.buffers);
  return estimate;
}

void Trainer::print_header() {
  if (!speaks()) return;
  const Stage& first = recipe_.stages.front();
  RunHeader header;
  header.name = recipe_.name;
  header.directory = directory_.path().string();
  header.resumed_step = saved_step_;
  header.model = fmt::format("{} layers, width {}, {} heads ({} key/value), vocabulary {}", shape_.num_layers, shape_.hidden_size,
                             shape_.num_attention_heads, shape_.num_key_value_heads, shape_.vocab_size);
  header.device = device_.text;
  header.dtype = std::string(name_of(recipe_.dtype));
  MemoryEstimate most;
  bool prepass = false;
  for (std::size_t i = 0; i < recipe_.stages.size(); ++i) {
    const Stage& stage = recipe_.stages[i];
    const std::optional<moe::MoeConfig> after = shape_after(stage);
    StageLine line = stage_line(i, count_parameters(description_of(after)));
    if (stage.moe) {
      const moe::MoeConfig& moe = *stage.moe;
      line.shape = fmt::format("{} experts, top-{}", moe.num_experts, moe.top_k);
      if (after->top_k != moe.top_k) line.shape += fmt::format(" to {}", after->top_k);
      if (moe.family_size > 1) line.shape += fmt::format(", families of {}", moe.family_size);
      line.shape += describe_rate_factors(stage.train);
      prepass = prepass || (reads_step_routing(moe) && accumulation_steps(stage.train, world_.size()) > 1);
    }
    const bool again = stage.train.recompute != Recompute::kNone && (stage.train.recompute != Recompute::kExperts || stage.moe);
    if (again && i >= entered_) header.recompute.push_back(describe_recompute(stage, shape_, recipe_.dtype, world_.size()));
    const MemoryEstimate estimate = estimate_stage(i);
    if (estimate.total() + estimate.conversion > most.total() + most.conversion) most = estimate;
    header.stages.push_back(std::move(line));
  }
  header.ranks = world_.size();
  header.nodes = world_.placement().num_nodes;
  header.expert = first.parallel.expert;
  for (const Stage& stage : recipe_.stages) header.expert = std::max(header.expert, stage.parallel.expert);
  header.threads = threads_;
  header.backend = world_.backend();
  for (const Stage& stage : recipe_.stages) {
    const parallel::ExchangeKind exchange = parallel::resolve(stage.parallel.exchange, static_cast<int>(stage.parallel.expert));
    if (header.exchange.empty() || parallel::spans_ranks(exchange)) header.exchange = std::string(name_of(exchange));
  }
  header.processor = describe_processors(abilities_);
  if (recipe_.dtype == DType::kBFloat16) header.processor += "; bfloat16 products " + bfloat16_.text;
  if (device_.kind == Device::kCuda) {
    header.processor += "; on the device " + device_.stored;
    std::vector<int> majors;
    for (const RankAbilities& rank : abilities_) majors.push_back(rank.device.device.major);
    header.products = describe_products(recipe_, shape_, majors);
    header.device_memory =
        fmt::format("{}, {} of them taken by the driver, libraries and other processes",
                    human_bytes(static_cast<double>(device_memory(own_device_).total)), human_bytes(static_cast<double>(device_overhead_)));
    for (const Stage& stage : recipe_.stages)
      if (!stage.train.deterministic)
        header.processor += fmt::format("; stage '{}' may use algorithms whose bits differ from run to run", stage.name);
  }
  header.global_batch_size = first.train.global_batch_size;
  header.accumulation = accumulation_steps(first.train, world_.size());
  header.micro_batch_size = ceil_div(first.train.global_batch_size / world_.size(), header.accumulation);
  header.seq_length = first.data.seq_length;
  header.data = fmt::format("{}, vocabulary {}", training_text(*data_.front().corpus), tokenizer_->vocab_size());
  for (std::size_t i = 1; i < recipe_.stages.size(); ++i)
    if (recipe_.stages[i].data.train != recipe_.stages[i - 1].data.train)
      header.later_data.push_back(fmt::format("stage '{}': {}", recipe_.stages[i].name, training_text(*data_[i].corpus)));
  if (data_.front().has_validation)
    header.validation = validation_text(data_.front().evaluation, *data_.front().corpus, first.data.eval_sequences);
  header.memory = most;
  if (prepass) header.balance_prepass_fraction = 0.25;  // a forward pass beside forward + backward (1 : 3)
  log_lines(format_run_header(header));
  for (const std::string& warning : schedule_warnings(recipe_)) log_warning("{}", warning);
  for (const std::string& warning : routing_warnings(recipe_)) log_warning("{}", warning);
  if (const ArchitectureChoice choice = architecture_of(description_of(shape_after(recipe_.stages.back()))); !choice.architecture)
    log_warning(
        "stage '{}': no architecture of Transformers is such a model ({}): its checkpoints hold all of it, but AutoModelForCausalLM does "
        "not open them",
        recipe_.stages.back().name, choice.reason);
  const bool cuda = device_.kind == Device::kCuda;
  const double needed = (most.total() + most.conversion) * (cuda ? 1 : world_.placement().local_size),
               available = cuda ? static_cast<double>(device_memory(own_device_).free) : machine_memory().available;
  if (available > 0 && needed > available)
    log_warning(
        "the {} a rank are {} on this {}, and {} are free: lower train.micro_batch_size or the model's sizes, set train.recompute, or use "
        "more "
        "{}",
        human_bytes(most.total() + most.conversion), human_bytes(needed), cuda ? "device" : "machine", human_bytes(available),
        cuda ? "devices" : "nodes");
}

}  // namespace sluice::recipes
