#include "recipes/stages/rank0.hpp"

#include "core/tensor/error_line.hpp"

#include <fmt/core.h>

#include <cstdint>

namespace sluice::recipes {
namespace {

struct Outcome {
  std::int64_t code = 0;  // exit code; 0: no error
  std::string text;
};

Outcome outcome_of(const std::function<std::string()>& work) {
  try {
    return {0, work()};
  } catch (const std::exception& error) {
    const Error line = as_error(error);
    return {static_cast<std::int64_t>(line.code()), line.what()};
  }
}

void broadcast(parallel::Communicator& group, Outcome& outcome, int root, const char* what) {
  const parallel::OperationLabel label{what, -1, "", "one rank"};
  std::int64_t head[2] = {outcome.code, static_cast<std::int64_t>(outcome.text.size())};
  group.start_broadcast(head, sizeof head, root, label).finish();
  outcome.code = head[0];
  outcome.text.resize(static_cast<std::size_t>(head[1]));
  group.start_broadcast(outcome.text.data(), outcome.text.size(), root, label).finish();
}

}  // namespace

std::string on_rank0(parallel::World& world, const char* what, const std::function<std::string(const Heartbeat&)>& work) {
  Outcome outcome;
  if (world.rank() == 0) {
    parallel::HeartbeatTicker ticker(world, what);
    outcome = outcome_of([&] { return work(Heartbeat(ticker)); });
  }
  broadcast(*world.world(), outcome, 0, what);
  if (outcome.code != 0) throw AgreedError(static_cast<ExitCode>(outcome.code), outcome.text);
  return outcome.text;
}

void on_all_ranks(parallel::World& world, const char* what, const std::function<void()>& work) {
  Outcome outcome = outcome_of([&] {
    work();
    return std::string();
  });
  const bool failed = outcome.code != 0;
  std::int64_t first = failed ? world.rank() : world.size(), count = failed ? 1 : 0;
  const auto over_ranks = [&](std::int64_t& value, parallel::ReduceOp op) {
    world.world()->start_all_reduce(&value, 1, DType::kInt64, op, {what, -1, "", "verdict"}).finish();
  };
  over_ranks(first, parallel::ReduceOp::kMin);
  if (first == world.size()) return;
  over_ranks(count, parallel::ReduceOp::kSum);
  // An error on all ranks is a matter of the job; one on some ranks is a matter of their hosts, so the text names rank and host.
  if (count < world.size())
    outcome.text = fmt::format("rank {} on {}: {}", world.rank(), world.placement().host_of_rank[static_cast<std::size_t>(world.rank())],
                               outcome.text);
  broadcast(*world.world(), outcome, static_cast<int>(first), what);
  throw AgreedError(static_cast<ExitCode>(outcome.code), outcome.text);
}

}  // namespace sluice::recipes
