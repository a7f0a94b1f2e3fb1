// What a rank says to the others when it stops with an error that all of them should have met: they meet in one operation of each
// group, and whoever is elsewhere in one of these learns from its message who stopped, and why.
#pragma once

#include "parallel/comm/communicator.hpp"

#include <cstdint>
#include <type_traits>

namespace sluice::parallel {

struct Farewell {
  static inline const OperationLabel kLabel{"stopped with an error", -1, "", ""};
  std::int32_t code;  // exit code
  char host[64];
  char text[1020];
};
static_assert(std::is_trivially_copyable_v<Farewell>);

}  // namespace sluice::parallel
