#include "parallel/comm/world.hpp"

#include "core/base/log.hpp"
#include "parallel/comm/launcher.hpp"
#include "parallel/comm/loopback_communicator.hpp"
#include "parallel/comm/mpi_world.hpp"
#include "parallel/comm/rank_record.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>

namespace sluice::parallel {
namespace {

class LoopbackWorld final : public World {
 public:
  LoopbackWorld() : board_(0, 1, 0) {
    world_ = make_loopback_communicator("world");
    layout_ = {{0}, {board_.record().host}, 1, 0, 1};
    backend_ = "loopback";
    set_log_rank(0, 1);
  }
  void open_records(const std::filesystem::path& directory) override { board_.open(directory); }
  void heartbeat(std::string_view text) override { board_.heartbeat(text); }
  int find_dead_peer() const override { return -1; }
  std::string current_operation() const override { return "nothing"; }
  void shutdown() override { board_.set_finished(); }
  void abort(const Error& why) override {
    board_.set_failed(why.what());
    std::_Exit(static_cast<int>(why.code()));
  }

 protected:
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
    return std::make_unique<LoopbackWorld>();
  return start_mpi_world(options, launcher);
}

CommunicatorPtr World::split(const CommunicatorPtr& parent, int color, int key, const std::string& name,
                             std::optional<double> deadline_seconds) {
  if (!names_.insert(name).second) throw usage_error("there is a group '{}' already: every group needs a name of its own", name);
  return make_group(parent, color, key, name, deadline_seconds);
}

double World::heartbeat_seconds() const {
  return deadline_seconds_ > 0 ? std::clamp(deadline_seconds_ / 4, 0.05, 1.0) : 1.0;
}

std::vector<int> World::nodes_of(const Communicator& group) const {
  std::vector<int> nodes;
  for (int rank = 0; rank < group.size(); ++rank)
    nodes.push_back(layout_.node_of_rank.at(static_cast<std::size_t>(group.world_rank(rank))));
  return nodes;
}

MeshGroups World::make_groups(const Mesh& mesh, const CommunicatorPtr& parent, const std::string& prefix) {
  if (mesh.num_ranks() != parent->size())
    throw usage_error("the mesh has {} ranks, the group '{}' it is built from {}", mesh.num_ranks(), parent->name(), parent->size());
  const int group = mesh.expert_group_of(parent->rank());
  const int member = mesh.expert_member_of(parent->rank());
  MeshGroups groups;
  groups.all = parent;
  groups.expert = split(parent, group, member, prefix + ".expert");
  groups.replica = split(parent, member, group, prefix + ".replica");
  return groups;
}

}  // namespace sluice::parallel
