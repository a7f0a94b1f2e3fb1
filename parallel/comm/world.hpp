// The factory of all groups of ranks. One World per process; every group it makes has a name and a deadline.
//
//     auto world = World::start({.deadline_seconds = recipe.parallel.timeout_seconds});
//     world->open_records(run / "records");
//     const Mesh mesh(world->size(), expert, world->nodes_of(*world->world()));
//     const MeshGroups groups = world->make_groups(mesh, world->world());
//     ...
//     world->shutdown();     // collective. On an exception: return end_with(error, scope)
//
// Started alone, a world of one needs no MPI and does not start it. No MPI type appears here.
#pragma once

#include "core/base/error.hpp"
#include "parallel/comm/communicator.hpp"
#include "parallel/plan/mesh.hpp"

#include <filesystem>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::parallel {

enum class CommBackend { kAuto, kLoopback, kMpi };

struct WorldOptions {
  CommBackend backend = CommBackend::kAuto;              // auto: MPI under a launcher, loopback alone
  double deadline_seconds = 600;                         // of every group that names none of its own; 0: none
  double start_seconds = 120;                            // for MPI to come up
  std::size_t max_message_bytes = std::size_t{1} << 30;  // longer messages travel in pieces
};

/// Where the ranks live, from MPI's own view of shared memory.
struct NodeLayout {
  std::vector<int> node_of_rank;  // nodes numbered by their lowest rank
  std::vector<std::string> host_of_rank;
  int num_nodes = 1;
  int local_rank = 0;  // among the ranks of this node
  int local_size = 1;
  int sharing_ranks = 1;  // ranks of this node that may run on a processor this rank may run on; itself included
};

/// Whose an error is.
enum class ErrorScope {
  kAgreed,     // all ranks throw it: they have agreed on it
  kPresumed,   // made from what all ranks have, so that all should throw it: they meet, to see
  kAlone,      // this rank's own
  kOfAnother,  // a PeerError: what other ranks did
};

/// The groups of a mesh that this rank belongs to. Several have the same ranks: operations of one group have no order with those of
/// another, so that a save, a reduction and an exchange that are under way at once may start in another order on every rank.
struct MeshGroups {
  CommunicatorPtr all;             // every rank of the mesh, for what controls a step: the group that the mesh was made from
  CommunicatorPtr save;            // every rank, for checkpoints
  CommunicatorPtr reduce_all;      // every rank, for gradients of dense parameters
  CommunicatorPtr reduce_replica;  // hold the same experts, for their gradients
  CommunicatorPtr expert;          // holds one copy of all experts, for the exchange
};

class World {
 public:
  /// Usage error if the backend does not fit the launcher, or the launcher and MPI count different sizes.
  static std::unique_ptr<World> start(const WorldOptions& options = {});
  virtual ~World() = default;

  const CommunicatorPtr& world() const { return world_; }
  int rank() const { return world_->rank(); }
  int size() const { return world_->size(); }
  const NodeLayout& layout() const { return layout_; }
  /// The node of each member of a group, for a mesh that is built from it.
  std::vector<int> nodes_of(const Communicator& group) const;
  /// "loopback" or "mpi (Open MPI v4.1.4)".
  const std::string& backend() const { return backend_; }

  /// Collective over `parent`. Ranks with the same colour form a group named NAME[COLOUR], ordered by (key, parent rank);
  /// a negative colour joins none and gets a null pointer. Deadline in seconds, 0 for none; by default the world's.
  /// Usage error if NAME was used before: a report could not say which of the groups it means. The world keeps its groups: end_with()
  /// meets in them.
  CommunicatorPtr split(const CommunicatorPtr& parent, int color, int key, const std::string& name,
                        std::optional<double> deadline_seconds = {});
  /// Collective over `parent`: a mesh is built from a communicator it is given. Expert group g is PREFIX.expert[g], the
  /// others have the names of their members in MeshGroups, such as PREFIX.save[0]. Deadline as in split().
  MeshGroups make_groups(const Mesh& mesh, const CommunicatorPtr& parent, const std::string& prefix = "mesh", std::optional<double> deadline_seconds = {});

  /// Collective. From now on every rank keeps a record in `directory` (created), from which a failure is explained.
  virtual void open_records(const std::filesystem::path& directory) = 0;
  /// A sign of life of a rank that works alone while others wait: their deadlines count from the last one, records or not. An
  /// empty text says that the work is over. For the whole length of such work hold a HeartbeatTicker. Thread-safe.
  virtual void heartbeat(std::string_view text) = 0;
  /// How often a rank that works alone should beat so that no deadline passes.
  double heartbeat_seconds() const;
  /// Of groups that name none of their own; 0: none.
  double deadline_seconds() const { return deadline_seconds_; }
  /// Ends the job with exit code 4: this rank's work at `what` has not got on for so long. For a thread that watches the one that
  /// hangs: waits for no file.
  [[noreturn]] void end_stalled(const std::string& what, double seconds);
  /// World rank of a process of this machine that has died, or -1.
  virtual int find_dead_peer() const = 0;
  /// What this rank waits for right now, for watchdogs; "nothing" if it does not wait. Thread-safe.
  virtual std::string current_operation() const = 0;

  /// For reports: this rank got a request to stop, which is no error. Thread-safe.
  virtual void note_stop_request(std::string_view signal) = 0;

  /// Collective: meets all ranks and ends MPI. To be called once, on the way to a regular exit.
  virtual void shutdown() = 0;
  /// What an error comes to: prints it, once in the job, and ends this rank's part, or the whole job if it is not all ranks'. Returns
  /// the exit code. With an error that all should throw, a rank meets the others in every group that it belongs to: whoever waits there
  /// for something else gets a PeerError that says who stopped, and why.
  int end_with(const Error& error, ErrorScope scope);
  /// Records why, prints nothing, and ends the whole job with the error's exit code.
  [[noreturn]] void abort(const Error& why);

 protected:
  virtual CommunicatorPtr make_group(const CommunicatorPtr& parent, int color, int key, const std::string& name,
                                     std::optional<double> deadline_seconds) = 0;

  /// Into the record: that this rank stops with an error; `leaving`: it still meets the others.
  virtual void note_failure(std::string_view text, ExitCode code, bool leaving) = 0;
  /// True if this rank is the first to report a failure that all see.
  virtual bool claim_report(std::string_view text) = 0;
  [[noreturn]] virtual void end_job(ExitCode code) = 0;

  CommunicatorPtr world_;
  NodeLayout layout_;
  std::string backend_;
  double deadline_seconds_ = 0;  // of groups that name none of their own

 private:
  /// Collective. False if the others are elsewhere. Prints the error of rank 0, and what differs from it.
  bool meet_with(const Error& error);

  std::set<std::string> names_;          // of the groups made so far
  std::vector<CommunicatorPtr> groups_;  // in the order of making; null where this rank is no member
};

}  // namespace sluice::parallel
