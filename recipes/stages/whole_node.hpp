// Lets the work of one rank use the cores of its node that the waiting ranks leave idle.
#pragma once

#include <sched.h>

namespace sluice::recipes {

/// While alive, the calling thread and those it starts may run on every processor that the system grants this process, instead of
/// those its launcher bound the rank to. Nothing changes where the system does not allow it.
class WholeNode {
 public:
  /// `wanted`: threads of all ranks of this node together.
  explicit WholeNode(int wanted);
  ~WholeNode();
  WholeNode(const WholeNode&) = delete;
  WholeNode& operator=(const WholeNode&) = delete;

  /// How many threads are worth starting: `wanted`, but at most the number of processors and at least 1.
  int threads() const { return threads_; }

 private:
  cpu_set_t before_;
  bool widened_ = false;
  int threads_ = 1;
};

}  // namespace sluice::recipes
