// The message of a rank that stops with an error that all ranks should have found (ErrorScope::kPresumed in world.hpp). The rank sends it
// in one operation of every group it belongs to. If another rank is at some other operation of such a group, it gets this message instead
// of what it expected, and so learns who stopped, and why.
#pragma once

#include "parallel/comm/communicator.hpp"

#include <cstdint>
#include <type_traits>

namespace sluice::parallel {

struct Farewell {
  static inline const OperationLabel kLabel{"stopped with an error", -1, "", ""};  // of that operation
  std::int32_t code;                                                               // exit code of the error
  char host[64];                                                                   // where the rank runs
  char text[1020];                                                                 // the error, cut if it is longer
};
static_assert(std::is_trivially_copyable_v<Farewell>);

}  // namespace sluice::parallel
