// A tiny job of a few steps in which one rank (-1: each) misbehaves: deadline_helper MODE RANK DEADLINE_SECONDS RECORDS
// or, afterwards: deadline_helper report RECORDS. Not a test itself; deadline_test.sh runs it under mpirun.
#include "core/base/log.hpp"
#include "parallel/comm/failure_monitor.hpp"
#include "parallel/comm/heartbeat_ticker.hpp"
#include "parallel/comm/world.hpp"

#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

using namespace sluice;
using namespace sluice::parallel;

namespace {

void sleep_for(double seconds) { usleep(static_cast<useconds_t>(seconds * 1e6)); }

const std::string kSlot = "layers.2.feed_forward";

/// Each mode is two operations of equal size: this rank enters the one or the other.
bool disagree(const std::string& mode, Communicator& group, bool other) {
  const auto size = static_cast<std::size_t>(group.size());
  const int root = 0;
  std::vector<double> data(std::size_t{1} << 17, 1.0), all(size * 2);
  const auto sum = [&](std::size_t count, OperationLabel label) {
    group.start_all_reduce(data.data(), count, DType::kFloat64, ReduceOp::kSum, label).finish();
  };
  const OperationLabel label{"rows", 4, kSlot, "forward"};
  if (mode == "name") {
    sum(1, {other ? "bytes" : "loss", 4, "", "backward"});
  } else if (mode == "step") {
    sum(1, {"loss", other ? 5 : 4, "", "backward"});
  } else if (mode == "long_sum") {
    sum(data.size(), {"gradients", 4, "", other ? "dense" : "experts"});
  } else if (mode == "operator") {
    group.start_all_reduce(data.data(), 1, DType::kFloat64, other ? ReduceOp::kMax : ReduceOp::kSum, label).finish();
  } else if (mode == "gather_or_rows") {
    const std::vector<std::int64_t> bytes(size, 8);
    if (other) group.start_all_gather(data.data(), all.data(), 8, label).finish();
    else group.start_all_to_all_v(data.data(), bytes, all.data(), bytes, label).finish();
  } else if (mode == "long_rows") {
    std::vector<double> received(data.size());
    const std::vector<std::int64_t> bytes(size, static_cast<std::int64_t>(data.size() * 8 / size));
    const OperationLabel rows{other ? "combine rows" : "dispatch rows", 4, kSlot, "forward"};
    group.start_all_to_all_v(data.data(), bytes, received.data(), bytes, rows).finish();
  } else if (mode == "reduction_parts") {
    const std::vector<std::int64_t> counts(size, other ? 3 : 2);
    group.start_reduce_scatter(data.data(), counts, DType::kFloat64, ReduceOp::kSum, label).finish();
  } else if (mode == "long_reduction") {
    const std::vector<std::int64_t> counts(size, static_cast<std::int64_t>(data.size() / size));
    group.start_reduce_scatter(data.data(), counts, DType::kFloat64, ReduceOp::kSum, {other ? "experts" : "dense", 4}).finish();
  } else if (mode == "scatter_or_reduce") {
    const std::vector<std::int64_t> counts(size, static_cast<std::int64_t>(data.size() / size));
    if (other) group.start_reduce_scatter(data.data(), counts, DType::kFloat64, ReduceOp::kSum, label).finish();
    else sum(data.size(), label);
  } else if (mode == "gathered_parts") {
    std::vector<std::int64_t> bytes(size, 8);
    if (other) bytes[1] = 0;
    group.start_all_gather_v(data.data(), all.data(), bytes, label).finish();
  } else if (mode == "gather_or_parts") {
    const std::vector<std::int64_t> bytes(size, 8);
    if (other) group.start_all_gather(data.data(), all.data(), 8, label).finish();
    else group.start_all_gather_v(data.data(), all.data(), bytes, label).finish();
  } else if (mode == "broadcast" || mode == "long_broadcast") {
    group.start_broadcast(data.data(), mode == "broadcast" ? 8 : data.size() * 8, root, {other ? "verdict" : "job", 4}).finish();
  } else if (mode == "barrier") {
    if (other) group.start_barrier(label).finish();
    else group.start_all_gather(nullptr, nullptr, 0, label).finish();
  } else if (mode == "pair") {
    const int peer = group.rank() ^ 1;
    const OperationLabel mine{"save tensor", group.rank() < 2 && other ? 5 : 4, "", "save"};
    if (group.rank() % 2 == 0) group.start_send(data.data(), 8, peer, mine).finish();
    else group.start_receive(data.data(), 8, peer, mine).finish();
  } else {
    return false;
  }
  return true;
}

void misbehave(const std::string& mode, World& world, int step, double deadline) {
  Communicator& group = *world.world();
  if (mode == "sleep" || mode == "sleep_of_groups") sleep(1000);
  if (mode == "spin")
    for (volatile bool forever = true; forever;) {}
  if (mode == "stop") raise(SIGSTOP);
  if (mode == "kill") raise(SIGKILL);
  if (mode == "leave") std::_Exit(0);
  if (mode.starts_with("usage")) throw usage_error("recipe.yaml:3:1: unknown key 'x'");
  if (mode == "asked") {
    world.note_stop_request("SIGTERM");
    raise(SIGKILL);
  }
  if (mode == "stalled_save" || mode == "slow_save") {
    HeartbeatTicker ticker(world, "saving step 4");
    for (int i = 0; i < 6; ++i) {
      ticker.progress("saving step 4: model.safetensors, tensor 'x'");
      sleep_for(mode == "slow_save" ? 0.3 * deadline : 1000);
    }
  }
  if (mode == "throw") throw data_error("corpus/train.txt: cannot be read");
  if (mode == "other_operation") group.start_barrier({"checkpoint barrier", step, "", "save"}).finish();
  if (mode == "other_slot") {
    std::vector<std::int64_t> counts(static_cast<std::size_t>(group.size())), received = counts;
    group.start_exchange_counts(counts.data(), received.data(), 1, {"dispatch counts", step, "layers.9.feed_forward", "backward"}).finish();
  }
  // One beat just before half of the deadline: the whole deadline must count from it.
  if (mode == "one_beat") {
    sleep_for(0.45 * deadline);
    world.heartbeat("verifying checkpoints");
    sleep_for(0.8 * deadline);
  }
  if (mode == "ticker") {
    HeartbeatTicker ticker(world, "learning merges");
    sleep_for(2.5 * deadline);
  }
}

/// The group in which alone the others meet from the fourth step on; null: wherever the steps lead.
CommunicatorPtr meeting_place(const std::string& mode, const MeshGroups& groups) {
  if (mode == "usage_exchange") return groups.expert;
  if (mode == "usage_reduction") return groups.reduce_all;
  return mode == "usage_save" ? groups.save : nullptr;
}

void run(const std::unique_ptr<World>& world, const std::string& mode, int culprit, double deadline, const char* records) {
  if (std::string(records) != "none") world->open_records(records);
  Communicator& group = *world->world();
  // The groups of a mesh, or a model, may have a deadline of their own.
  const MeshGroups groups = world->make_groups(Mesh(world->size(), 2), world->world(), "mesh", mode == "sleep_of_groups" ? 2.0 : deadline);
  const CommunicatorPtr place = meeting_place(mode, groups);
  for (int step = 1; step <= 5; ++step) {
    if (step == 4 && (world->rank() == culprit || culprit < 0)) misbehave(mode, *world, step, deadline);
    if (step == 4 && disagree(mode, group, world->rank() == culprit)) group.start_barrier({"behind it", step, "", ""}).finish();
    std::int64_t one = 1;
    while (step == 4 && place) {
      place->start_all_reduce(&one, 1, DType::kInt64, ReduceOp::kMax, {"meeting", step, "", "forward"}).finish();
      sleep_for(0.001);
    }
    // Only the pair of the culprit waits for it directly; the others wait for that pair.
    groups.expert->start_all_reduce(&one, 1, DType::kInt64, ReduceOp::kSum, {"pair sum", step, "", "forward"}).finish();
    const auto size = static_cast<std::size_t>(group.size());
    std::vector<std::int64_t> counts(size, 8), received(size, 0), send(size, world->rank()), receive(size, -1);
    group.start_exchange_counts(counts.data(), received.data(), 1, {"dispatch counts", step, kSlot, "forward"}).finish();
    group.start_all_to_all_v(send.data(), counts, receive.data(), received, {"dispatch rows", step, kSlot, "forward"}).finish();
  }
  world->shutdown();
  if (world->rank() == 0) std::puts("done");
}

}  // namespace

int main(int argc, char** argv) {
  try {
    if (argc == 3 && std::string(argv[1]) == "report") {
      std::fputs(report_on_records(argv[2]).c_str(), stdout);
      return 0;
    }
    if (argc != 5) throw usage_error("deadline_helper MODE RANK DEADLINE_SECONDS RECORDS, or: deadline_helper report RECORDS");
    // As a trainer does: SIGTERM is a request, not the end.
    if (std::getenv("IGNORE_SIGTERM") != nullptr) signal(SIGTERM, SIG_IGN);
    const auto world = World::start({.deadline_seconds = std::atof(argv[3])});
    try {
      run(world, argv[1], std::atoi(argv[2]), std::atof(argv[3]), argv[4]);
      return 0;
    } catch (const PeerError& error) {
      return world->end_with(error, ErrorScope::kOfAnother);
    } catch (const Error& error) {
      return world->end_with(error, error.code() == ExitCode::kUsage ? ErrorScope::kPresumed : ErrorScope::kAlone);
    }
  } catch (const Error& error) {
    log_error("{}", error.what());
    return static_cast<int>(error.code());
  }
}
