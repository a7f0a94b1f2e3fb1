// The world: all ranks of a job, and the groups made of them. There is one World per process; every group it makes has a name and a
// deadline.
//
//     auto world = World::start({.deadline_seconds = recipe.parallel.timeout_seconds});
//     world->open_records(run / "records");
//     const Mesh mesh(world->size(), expert, world->placement().node_of_rank);
//     const MeshGroups groups = world->make_groups(mesh, world->world());
//     ...
//     world->shutdown();     // collective. On an exception: return end_with(error, scope)
//
// A process that is started alone does not start MPI. No MPI type appears here.
#pragma once

#include "core/base/error.hpp"
#include "parallel/comm/communicator.hpp"
#include "parallel/plan/comm_backend.hpp"
#include "parallel/plan/mesh.hpp"

#include <filesystem>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::parallel {

struct WorldOptions {
  CommBackend backend = CommBackend::kAuto;
  double deadline_seconds = 600;                         // deadline of every group that has none of its own; 0 for no deadline
  double start_seconds = 120;                            // time for MPI to start, and to end
  std::size_t max_message_bytes = std::size_t{1} << 30;  // longer messages are sent in pieces
};

/// On which nodes the ranks run. Ranks that share memory, as MPI finds it, are on one node.
struct NodePlacement {
  std::vector<int> node_of_rank;  // by world rank; nodes are numbered in the order of their lowest rank
  std::vector<std::string> host_of_rank;
  int num_nodes = 1;
  int local_rank = 0;     // of this rank among the ranks of its node
  int local_size = 1;     // number of ranks of this node
  int sharing_ranks = 1;  // number of ranks of this node that may use a processor that this rank may use, itself included
};

/// Which ranks have an error, for World::end_with().
enum class ErrorScope {
  kAgreed,     // all ranks throw it, because they have told each other of it
  kPresumed,   // all ranks should throw it, because it follows from data that all have; end_with() finds out whether they did
  kAlone,      // only this rank throws it
  kOfAnother,  // a PeerError: another rank caused it
};

/// The groups of a mesh that this rank belongs to. Some consist of the same ranks, because only the operations of one group must start in
/// the same order on all ranks: a save, a reduction and an exchange that are under way at once may start in another order on every rank.
struct MeshGroups {
  CommunicatorPtr all;             // every rank of the mesh, for the control of a step: the group that the mesh was made from
  CommunicatorPtr save;            // every rank, for checkpoints
  CommunicatorPtr reduce_all;      // every rank, for gradients of dense parameters
  CommunicatorPtr reduce_replica;  // the ranks that hold the same experts, for gradients of experts
  CommunicatorPtr expert;          // the ranks that share one copy of all experts, for the token exchange
};

/// The ranks of a job as one process sees them.
class World {
 public:
  /// Starts communication. Usage error (exit 2) if the backend does not fit the launcher, or if the launcher and MPI count different
  /// numbers of ranks.
  static std::unique_ptr<World> start(const WorldOptions& options = {});
  virtual ~World() = default;

  const CommunicatorPtr& world() const { return world_; }
  int rank() const { return world_->rank(); }
  int size() const { return world_->size(); }
  const NodePlacement& placement() const { return placement_; }
  /// "loopback" or "mpi (Open MPI v4.1.4)".
  const std::string& backend() const { return backend_; }

  /// Collective over `parent`. Ranks with the same colour form a group named NAME[COLOUR], ordered by (key, parent rank); a rank with a
  /// negative colour joins no group and gets a null pointer. The deadline is in seconds, 0 for none; by default it is the world's.
  /// Usage error (exit 2) if NAME was used before, since reports identify groups by name. The world keeps its groups for end_with().
  CommunicatorPtr split(const CommunicatorPtr& parent, int color, int key, const std::string& name,
                        std::optional<double> deadline_seconds = {});
  /// Collective over `parent`. Makes the groups of a mesh whose ranks are those of `parent`. Expert group g is named PREFIX.expert[g], the
  /// group of the ranks that are member m is PREFIX.reduce_replica[m], and the others are PREFIX.save[0] and PREFIX.reduce_all[0]. Deadline
  /// as in split(). Usage error (exit 2) if the mesh has another number of ranks, or if PREFIX was used before.
  MeshGroups make_groups(const Mesh& mesh, const CommunicatorPtr& parent, const std::string& prefix = "mesh",
                         std::optional<double> deadline_seconds = {});

  /// Collective. From now on every rank keeps a record (rank_record.hpp) in `directory`, which is created. Failures are explained from the
  /// records. Data error (exit 3) if the record cannot be written.
  virtual void open_records(const std::filesystem::path& directory) = 0;
  /// Tells the other ranks that this one is alive while they wait for it: their deadlines count from the last heartbeat, with or without
  /// records. An empty text says that the work is over. Usually a HeartbeatTicker calls this. Thread-safe.
  virtual void heartbeat(std::string_view text) = 0;
  /// Seconds between heartbeats that are short enough for the deadlines.
  double heartbeat_seconds() const;
  /// The deadline of groups that have none of their own, in seconds; 0 for none.
  double deadline_seconds() const { return deadline_seconds_; }
  /// Ends the job with exit code 4, because this rank's work at `what` has made no progress for `seconds`. It is called by a thread that
  /// watches the working one, and gives the record and the log at most a second, since their file system may be what hangs.
  [[noreturn]] void end_stalled(const std::string& what, double seconds);
  /// Returns the world rank of a process on this machine that has died, or -1.
  virtual int find_dead_peer() const = 0;
  /// The operation that this rank waits for right now, as text; "nothing" if it does not wait. Thread-safe.
  virtual std::string current_operation() const = 0;

  /// Notes for reports that a signal asked this rank to stop, which is no error. Thread-safe.
  virtual void note_stop_request(std::string_view signal) = 0;

  /// Collective: waits for all ranks and ends MPI. Call it once, before a regular exit.
  virtual void shutdown() = 0;
  /// Ends the work of this rank after an error. The error is printed once in the job. If all ranks have it, shuts down and returns the exit
  /// code; otherwise ends the whole job and does not return. With kPresumed, the rank first meets the others in every group it
  /// belongs to: a rank that waits there for something else gets a PeerError that says who stopped, and why.
  int end_with(const Error& error, ErrorScope scope);
  /// Notes the error in the record, prints nothing, and ends the whole job with the error's exit code.
  [[noreturn]] void abort(const Error& why);

 protected:
  virtual CommunicatorPtr make_group(const CommunicatorPtr& parent, int color, int key, const std::string& name,
                                     std::optional<double> deadline_seconds) = 0;

  /// Notes in the record that this rank stops with an error. With `leaving` it still meets the others to tell them.
  virtual void note_failure(std::string_view text, ExitCode code, bool leaving) = 0;
  /// Returns true if this rank is the first to report a failure that several ranks see, and should print it.
  virtual bool claim_report(std::string_view text) = 0;
  [[noreturn]] virtual void end_job(ExitCode code) = 0;

  CommunicatorPtr world_;
  NodePlacement placement_;
  std::string backend_;
  double deadline_seconds_ = 0;  // of groups that have none of their own

 private:
  /// Meets the other ranks in every group. Returns false if some rank is elsewhere, without an error. Otherwise prints the error on rank 0,
  /// and on ranks whose error is another one.
  bool meet_with(const Error& error);

  std::set<std::string> names_;          // names given to split() so far
  std::vector<CommunicatorPtr> groups_;  // in the order of split(); null if this rank is no member
};

}  // namespace sluice::parallel
