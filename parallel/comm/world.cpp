#include "parallel/comm/world.hpp"

#include "core/base/log.hpp"
#include "core/base/standard_error.hpp"
#include "parallel/comm/farewell.hpp"
#include "parallel/comm/launcher.hpp"
#include "parallel/comm/loopback_communicator.hpp"
#include "parallel/comm/mpi_world.hpp"
#include "parallel/comm/rank_record.hpp"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <future>
#include <iterator>
#include <thread>

namespace sluice::parallel {
namespace {

class LoopbackWorld final : public World {
 public:
  explicit LoopbackWorld(double deadline_seconds) : board_(0, 1, 0) {
    deadline_seconds_ = deadline_seconds;
    world_ = make_loopback_communicator("world");
    placement_ = {{0}, {board_.record().host}, 1, 0, 1};
    backend_ = "loopback";
    set_log_rank(0, 1);
  }
  void open_records(const std::filesystem::path& directory) override { board_.open(directory); }
  void heartbeat(std::string_view text) override { board_.heartbeat(text); }
  int find_dead_peer() const override { return -1; }
  std::string current_operation() const override { return "nothing"; }
  void note_stop_request(std::string_view signal) override { board_.set_asked_to_stop(signal); }
  void shutdown() override { board_.set_finished(); }

 protected:
  void note_failure(std::string_view text, ExitCode code, bool leaving) override {
    leaving ? board_.set_leaving(text, code) : board_.set_failed(text, code);
  }
  bool claim_report(std::string_view) override { return true; }
  void end_job(ExitCode code) override { std::_Exit(static_cast<int>(code)); }
  CommunicatorPtr make_group(const CommunicatorPtr&, int color, int, const std::string& name, std::optional<double>) override {
    return color < 0 ? nullptr : make_loopback_communicator(fmt::format("{}[{}]", name, color));
  }

 private:
  RecordBoard board_;
};

}  // namespace

std::unique_ptr<World> World::start(const WorldOptions& options) {
  const LauncherEnvironment launcher = detect_launcher();
  if (launcher.launched()) set_log_rank(launcher.rank, launcher.size);
  if (options.backend == CommBackend::kLoopback && launcher.size != 1)
    throw usage_error("parallel.backend is loopback, which is one rank, but {} started {} ranks ({}): use auto or mpi", launcher.name,
                      launcher.size == 0 ? "several" : std::to_string(launcher.size), launcher.variable);
  if (options.backend == CommBackend::kLoopback || (options.backend == CommBackend::kAuto && !launcher.launched()))
    return std::make_unique<LoopbackWorld>(options.deadline_seconds);
  return start_mpi_world(options, launcher);
}

CommunicatorPtr World::split(const CommunicatorPtr& parent, int color, int key, const std::string& name,
                             std::optional<double> deadline_seconds) {
  if (!names_.insert(name).second) throw usage_error("there is a group '{}' already: every group needs a name of its own", name);
  return groups_.emplace_back(make_group(parent, color, key, name, deadline_seconds));
}

bool World::meet_with(const Error& error) {
  note_failure(error.what(), error.code(), true);
  Farewell own{};
  own.code = static_cast<std::int32_t>(error.code());
  set_text(own.host, placement_.host_of_rank[static_cast<std::size_t>(rank())]);
  set_text(own.text, error.what());
  std::vector<CommunicatorPtr> groups = {world_};
  std::copy_if(groups_.begin(), groups_.end(), std::back_inserter(groups), [](const CommunicatorPtr& group) { return group != nullptr; });
  std::vector<std::vector<Farewell>> all;
  for (const CommunicatorPtr& group : groups) all.emplace_back(static_cast<std::size_t>(group->size()));
  // Started in all groups before any is waited for, since the others may wait in only one of them.
  std::vector<Handle> handles;
  for (std::size_t i = 0; i < groups.size(); ++i)
    handles.push_back(groups[i]->start_all_gather(&own, all[i].data(), sizeof own, Farewell::kLabel));
  bool met = true;
  for (Handle& handle : handles) {
    try {
      handle.finish();
    } catch (const Error&) {
      met = false;  // the handles that are left fail too: after one failed operation all fail
    }
  }
  if (met && (rank() == 0 || std::string_view(own.text) != all[0][0].text)) log_error("{}", error.what());
  return met;
}

int World::end_with(const Error& error, ErrorScope scope) {
  if (scope == ErrorScope::kPresumed && !meet_with(error)) scope = ErrorScope::kAlone;
  if (scope == ErrorScope::kAgreed && rank() == 0) log_error("{}", error.what());
  if (scope == ErrorScope::kAlone || scope == ErrorScope::kOfAnother) {
    // Several ranks see a communication error, so only the first one prints it.
    const bool others_too = scope == ErrorScope::kOfAnother || error.code() == ExitCode::kCommunication;
    note_failure(error.what(), others_too ? ExitCode::kCommunication : error.code(), false);
    if (!others_too || claim_report(fmt::format("{}\n", error.what()))) log_error("{}", error.what());
    // Give the rank whose error it is the time to print it; it then ends the job.
    if (scope == ErrorScope::kOfAnother && error.code() != ExitCode::kCommunication) std::this_thread::sleep_for(std::chrono::seconds(1));
    end_job(error.code());
  }
  shutdown();
  return static_cast<int>(error.code());
}

void World::abort(const Error& why) {
  note_failure(why.what(), why.code(), false);
  end_job(why.code());
  std::_Exit(static_cast<int>(why.code()));  // not reached, as compilers cannot see
}

void World::end_stalled(const std::string& what, double seconds) {
  const std::string text = fmt::format(
      "no progress for {:.1f} s in {}: does its disk or network file system hang? (the limit is parallel.timeout_seconds)", seconds, what);
  const std::string line =
      fmt::format("error: rank {} on {}: {}\n", rank(), placement_.host_of_rank[static_cast<std::size_t>(rank())], text);
  // The file system that hangs may hold the log and the record too. So the line goes straight to standard error, and the files get a
  // second.
  write_standard_error(line);
  auto noted = std::make_shared<std::promise<void>>();
  std::thread([this, text, line, noted] {
    note_failure(text, ExitCode::kCommunication, false);
    claim_report(line);
    noted->set_value();
  }).detach();
  noted->get_future().wait_for(std::chrono::seconds(1));
  end_job(ExitCode::kCommunication);
  std::_Exit(static_cast<int>(ExitCode::kCommunication));  // not reached
}

double World::heartbeat_seconds() const { return deadline_seconds_ > 0 ? std::clamp(deadline_seconds_ / 4, 0.05, 1.0) : 1.0; }

MeshGroups World::make_groups(const Mesh& mesh, const CommunicatorPtr& parent, const std::string& prefix,
                              std::optional<double> deadline_seconds) {
  if (mesh.num_ranks() != parent->size())
    throw usage_error("the mesh has {} ranks, the group '{}' it is built from {}", mesh.num_ranks(), parent->name(), parent->size());
  const int group = mesh.expert_group_of(parent->rank());
  const int member = mesh.expert_member_of(parent->rank());
  MeshGroups groups;
  groups.all = parent;
  groups.save = split(parent, 0, parent->rank(), prefix + ".save", deadline_seconds);
  groups.reduce_all = split(parent, 0, parent->rank(), prefix + ".reduce_all", deadline_seconds);
  groups.reduce_replica = split(parent, member, group, prefix + ".reduce_replica", deadline_seconds);
  groups.expert = split(parent, group, member, prefix + ".expert", deadline_seconds);
  return groups;
}

}  // namespace sluice::parallel
