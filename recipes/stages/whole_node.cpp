#include "recipes/stages/whole_node.hpp"

#include <algorithm>

namespace sluice::recipes {

WholeNode::WholeNode(int wanted) : threads_(std::max(1, wanted)) {
  CPU_ZERO(&before_);
  if (sched_getaffinity(0, sizeof before_, &before_) != 0) return;
  cpu_set_t all;
  CPU_ZERO(&all);
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) CPU_SET(cpu, &all);
  // The kernel keeps what the process' control group allows.
  widened_ = sched_setaffinity(0, sizeof all, &all) == 0;
  cpu_set_t granted = before_;
  if (widened_) sched_getaffinity(0, sizeof granted, &granted);
  threads_ = std::min(threads_, std::max(1, CPU_COUNT(&granted)));
}

WholeNode::~WholeNode() {
  if (widened_) sched_setaffinity(0, sizeof before_, &before_);
}

}  // namespace sluice::recipes
