#include "recipes/stages/rank0.hpp"

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
  } catch (const Error& error) {
    return {static_cast<std::int64_t>(error.code()), error.what()};
  } catch (const std::exception& error) {
    return {static_cast<std::int64_t>(ExitCode::kData), error.what()};
  }
}

void broadcast(parallel::Communicator& group, Outcome& outcome, int root, const char* what) {
  const parallel::OperationLabel label{what, -1, -1, "one rank"};
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
    world.heartbeat(what);
    outcome = outcome_of([&] { return work([&](std::string_view text) { world.heartbeat(text); }); });
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
  std::int64_t failing = outcome.code != 0 ? world.rank() : world.size();
  world.world()->start_all_reduce(&failing, 1, DType::kInt64, parallel::ReduceOp::kMin, {what, -1, -1, "verdict"}).finish();
  if (failing == world.size()) return;
  broadcast(*world.world(), outcome, static_cast<int>(failing), what);
  throw AgreedError(static_cast<ExitCode>(outcome.code), outcome.text);
}

}  // namespace sluice::recipes
