#include "parallel/comm/mpi_world.hpp"

#include "core/base/log.hpp"
#include "parallel/comm/mpi_communicator.hpp"
#include "parallel/comm/mpi_heartbeat.hpp"
#include "parallel/comm/processors.hpp"

#include <sched.h>

#include <array>
#include <cstring>
#include <map>
#include <random>
#include <type_traits>

namespace sluice::parallel {
namespace {

/// What ranks tell each other at the start.
struct Introduction {
  std::int32_t node;
  PeerProcess process;
  char host[64];
  ProcessorMask processors;
};
static_assert(std::is_trivially_copyable_v<Introduction>);

/// Ends the job with MPI_Abort on the communication thread. If that thread is stuck in MPI, this process just exits, and the launcher ends
/// the others.
[[noreturn]] void end_whole_job(MpiProcess& process, int code) {
  try {
    process.thread.run([code] { MpiWire::abort(code); }, 3.0, true);
  } catch (const std::exception& error) {
    log_error("MPI_Abort could not be called: {}", error.what());
  }
  std::_Exit(code);
}

class MpiWorld final : public World {
 public:
  MpiWorld(const WorldOptions& options, const LauncherEnvironment& launcher) : options_(options), process_(std::make_shared<MpiProcess>()) {
    deadline_seconds_ = options.deadline_seconds;
    on_thread("MPI_Init_thread", options.start_seconds, [&] {
      wire_ = MpiWire::initialise();
      wire_->set_max_message_bytes(options.max_message_bytes);
    });
    check_launcher_size(launcher, wire_->size(), MpiWire::library_version());
    backend_ = fmt::format("mpi ({})", MpiWire::library_version());
    set_log_rank(wire_->rank(), wire_->size());

    std::int32_t node = 0;
    on_thread("MPI_Comm_split_type", options.start_seconds, [&] {
      const auto local = wire_->split_by_node();
      placement_.local_rank = local->rank();
      placement_.local_size = local->size();
      // The node is named by its lowest rank.
      node = wire_->rank();
      MpiRequests requests;
      local->broadcast(&node, sizeof node, 0, requests);
      while (!requests.test()) sched_yield();
    });
    // If there are as many ranks as cores, a rank that polls must let others compute.
    process_->thread.set_yield(placement_.local_size >= static_cast<int>(usable_processors().count()));
    process_->board = std::make_shared<RecordBoard>(wire_->rank(), wire_->size(), 0);
    process_->monitor =
        std::make_shared<FailureMonitor>(process_->board, [process = process_.get()](int code) { end_whole_job(*process, code); });
    auto group = std::make_shared<MpiGroup>(MpiGroup{"world", wire_, {}});
    for (int rank = 0; rank < wire_->size(); ++rank) group->world_ranks.push_back(rank);
    heartbeat_ = std::make_shared<MpiHeartbeat>(group, process_->thread, heartbeat_seconds() / 2);
    process_->thread.set_observer([process = process_.get(), heartbeat = heartbeat_](const Operation& operation) {
      process->board->waits_for(operation);
      if (heartbeat->collect()) process->monitor->note_heartbeat();
    });
    world_ = std::make_shared<MpiCommunicator>(process_, std::move(group), options.deadline_seconds);
    introduce(node);
  }

  ~MpiWorld() override {
    // Not shut down: an error is on its way out of main. The launcher ends the others when this process exits non-zero.
    process_->thread.stop();
  }

  CommunicatorPtr make_group(const CommunicatorPtr& parent, int color, int key, const std::string& name,
                             std::optional<double> deadline_seconds) override {
    const auto from = std::dynamic_pointer_cast<MpiCommunicator>(parent);
    if (!from)
      throw usage_error("group '{}' is to be split from '{}', which is not of this world", name, parent ? parent->name() : "nothing");
    // All ranks meet in a barrier first, which has a deadline: MPI_Comm_split blocks without one.
    from->start_barrier({"split", -1, "", name.c_str()}).finish();
    std::shared_ptr<MpiWire> wire;
    on_thread("MPI_Comm_split", from->deadline_seconds(), [&] { wire = from->group()->wire->split(color, key); });
    std::vector<std::array<std::int32_t, 3>> all(static_cast<std::size_t>(from->size()));
    const std::array<std::int32_t, 3> own = {color, wire ? wire->rank() : -1, rank()};
    from->start_all_gather(&own, all.data(), sizeof own, {"split members", -1, "", name.c_str()}).finish();
    if (!wire) return nullptr;
    auto group = std::make_shared<MpiGroup>();
    group->name = fmt::format("{}[{}]", name, color);
    group->wire = wire;
    group->world_ranks.resize(static_cast<std::size_t>(wire->size()));
    for (const auto& [their_color, their_rank, world_rank] : all)
      if (their_color == color) group->world_ranks[static_cast<std::size_t>(their_rank)] = world_rank;
    return std::make_shared<MpiCommunicator>(process_, std::move(group), deadline_seconds.value_or(options_.deadline_seconds));
  }

  void open_records(const std::filesystem::path& directory) override {
    process_->board->open(directory);
    // No rank may look for a record before it is there.
    world_->start_barrier({"open records", -1, "", ""}).finish();
  }

  void heartbeat(std::string_view text) override {
    process_->board->heartbeat(text);
    // The text is for reports, which other hosts may write, so the record is flushed; no more often than heartbeats are sent, since that
    // may take a while.
    if (heartbeat_->beat()) process_->board->flush();
  }
  int find_dead_peer() const override { return process_->monitor->find_dead_peer(); }

  std::string current_operation() const override {
    const RankRecord record = process_->board->record();
    if (record.state != RankState::kWaiting) return "nothing";
    std::string text = fmt::format("'{}' of group {}, sequence {}, for", record.operation, record.group, record.sequence);
    for (int i = 0; i < std::min(record.num_waits_for, RankRecord::kMaxWaitsFor); ++i) text += fmt::format(" {}", record.waits_for[i]);
    return record.num_waits_for == 0 ? text + " the group" : text;
  }

  void shutdown() override {
    if (process_->thread.failed()) end_job(ExitCode::kCommunication);
    // MPI may be ended only when all ranks have met and no message is left.
    std::int64_t sent = heartbeat_->close(options_.start_seconds);
    std::vector<std::int64_t> all(static_cast<std::size_t>(size()));
    world_->start_all_gather(&sent, all.data(), sizeof sent, {"shutdown", -1, "", ""}).finish();
    const std::int64_t expected = MpiHeartbeat::expected(rank(), all);
    on_thread("collecting heartbeats", options_.start_seconds, [&] {
      while (heartbeat_->collected() < expected)
        if (!heartbeat_->collect()) sched_yield();
    });
    process_->board->set_finished();
    process_->board->flush();
    on_thread("MPI_Finalize", options_.start_seconds, [] { MpiWire::finalise(); });
    process_->thread.stop();
  }

  void note_stop_request(std::string_view signal) override { process_->board->set_asked_to_stop(signal); }

 protected:
  void note_failure(std::string_view text, ExitCode code, bool leaving) override {
    leaving ? process_->board->set_leaving(text, code) : process_->board->set_failed(text, code);
    process_->board->flush();
  }
  bool claim_report(std::string_view text) override { return parallel::claim_report(process_->board->directory(), text); }
  void end_job(ExitCode code) override { end_whole_job(*process_, static_cast<int>(code)); }

 private:
  /// Runs blocking MPI calls on the communication thread. If they do not return in time, the process ends, since they cannot be cancelled.
  void on_thread(const char* what, double seconds, std::function<void()> work) {
    const double patience = seconds > 0 ? seconds : 1e7;
    if (process_->thread.run(std::move(work), patience)) return;
    log_error("{} did not return within {} s: a rank is missing, or the network does not work", what, seconds);
    std::_Exit(static_cast<int>(ExitCode::kCommunication));
  }

  void introduce(std::int32_t node) {
    Introduction own{};
    own.node = node;
    const RankRecord record = process_->board->record();
    own.process = {record.pid, record.machine};
    std::memcpy(own.host, record.host, sizeof own.host);
    own.processors = usable_processors();
    std::vector<Introduction> all(static_cast<std::size_t>(size()));
    world_->start_all_gather(&own, all.data(), sizeof own, {"introduction", -1, "", ""}).finish();
    std::uint64_t job = (std::uint64_t{std::random_device{}()} << 32) | std::random_device{}();
    world_->start_broadcast(&job, sizeof job, 0, {"job", -1, "", ""}).finish();
    process_->board->set_job(job);

    std::map<int, int> node_numbers;
    std::vector<PeerProcess> peers;
    std::vector<ProcessorMask> neighbours;
    std::size_t self = 0;
    for (const Introduction& each : all) {
      if (static_cast<int>(peers.size()) == rank()) self = neighbours.size();
      if (each.node == node) neighbours.push_back(each.processors);
      placement_.node_of_rank.push_back(node_numbers.try_emplace(each.node, static_cast<int>(node_numbers.size())).first->second);
      placement_.host_of_rank.emplace_back(each.host);
      peers.push_back(each.process);
    }
    placement_.num_nodes = static_cast<int>(node_numbers.size());
    placement_.sharing_ranks = num_sharing(neighbours, self);
    process_->monitor->set_peers(std::move(peers));
  }

  WorldOptions options_;
  std::shared_ptr<MpiProcess> process_;
  std::shared_ptr<MpiWire> wire_;
  std::shared_ptr<MpiHeartbeat> heartbeat_;
};

}  // namespace

std::unique_ptr<World> start_mpi_world(const WorldOptions& options, const LauncherEnvironment& launcher) {
  return std::make_unique<MpiWorld>(options, launcher);
}

std::string mpi_library() { return MpiWire::library_version(); }

}  // namespace sluice::parallel
