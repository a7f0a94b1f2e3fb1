#include "core/base/counted.hpp"
#include "core/base/error.hpp"
#include "core/base/random.hpp"
#include "core/base/standard_output.hpp"
#include "core/nn/linear.hpp"
#include "core/tensor/host_integers.hpp"
#include "data/utf8.hpp"
#include "launch/commands/source_text.hpp"
#include "launch/engine/commands.hpp"
#include "launch/engine/loaded_model.hpp"
#include "launch/engine/one_rank.hpp"
#include "launch/engine/world_session.hpp"
#include "recipes/stages/rank_abilities.hpp"
#include "recipes/stages/threads.hpp"

#include <fmt/format.h>

#include <vector>

namespace sluice {
namespace {

// Draws the next id from one row of logits [V]. The draw is a function of (seed, position) alone.
std::int64_t choose(at::Tensor logits, const GenerateOptions& options, std::int64_t position) {
  if (options.temperature <= 0) return logits.argmax().item<std::int64_t>();
  logits = logits.to(at::kDouble) / options.temperature;
  if (options.top_k > 0 && options.top_k < logits.numel()) {
    const at::Tensor least = std::get<0>(logits.topk(options.top_k)).min();
    logits = logits.masked_fill(logits < least, -std::numeric_limits<double>::infinity());
  }
  const at::Tensor cumulative = at::softmax(logits, 0).cumsum(0);
  const double draw =
      random_uniform(random_key(options.seed, "generate"), static_cast<std::uint64_t>(position)) * cumulative[-1].item<double>();
  return (cumulative <= draw).sum().clamp_max(logits.numel() - 1).item<std::int64_t>();
}

}  // namespace

int generate_command(const GenerateOptions& options) {
  return run_in_world({}, [&](parallel::World& world) {
    require_one_rank("generate", world.size());
    recipes::use_threads(0, 1);
    const at::Device device = recipes::device_for_command(world, options.device);
    const recipes::Layout layout = recipes::make_layout(world, 1);
    LoadedModel loaded = load_model(world, options.model, layout, device, true);
    std::vector<std::int32_t> ids;
    const std::string prompt = repaired_argument("--prompt", options.prompt);
    loaded.tokenizer->encode(prompt, ids, true);
    if (ids.empty()) ids.push_back(loaded.tokenizer->eos_id());  // an empty prompt starts a document
    // The last token that is generated is not fed back, so it takes no position.
    const auto positions = static_cast<std::int64_t>(ids.size()) + options.max_tokens - 1;
    warn_of_untrained_positions(loaded, layout, positions,
                                fmt::format("a prompt of {} and --max-tokens {}", counted(ids.size(), "token"), options.max_tokens));
    at::NoGradGuard no_grad;
    ModelState state;
    std::vector<std::int32_t> pending = ids;
    data::Utf8Repairer text("generated text");
    write_standard_output(prompt);
    for (std::int64_t produced = 0; produced < options.max_tokens && standard_output_error() == 0; ++produced) {
      const Batch input = {integers_on(device, {pending.begin(), pending.end()}),
                           RowTable({static_cast<std::int64_t>(pending.size())}, {0}, device)};
      const at::Tensor hidden = loaded.model.decoder->forward(input, &state, {produced, "generate"}).hidden;
      Parameter& head = loaded.model.decoder->head();
      const at::Tensor last = hidden.narrow(0, hidden.size(0) - 1, 1).to(head.compute.scalar_type());
      const at::Tensor logits = linear(last, head, loaded.model.decoder->head_numerics).squeeze(0);
      require_finite(logits.isfinite().all().item<bool>(), "prediction", loaded, layout);
      const auto id = static_cast<std::int32_t>(choose(logits, options, produced));
      if (id == loaded.tokenizer->eos_id()) break;
      pending = {id};
      std::string shown;
      text.append(loaded.tokenizer->decode(pending), shown);
      write_standard_output(shown);
    }
    std::string rest;
    text.finish(rest);
    write_standard_output(rest + "\n");
    return 0;
  });
}

}  // namespace sluice
