#include "core/base/clock.hpp"

#include <chrono>
#include <cmath>
#include <ctime>

namespace sluice {

double monotonic_seconds() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

double wall_seconds() { return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count(); }

std::string local_time_stamp(double wall_seconds) {
  const std::time_t whole = static_cast<std::time_t>(std::floor(wall_seconds));
  std::tm parts{};
  localtime_r(&whole, &parts);
  char stamp[32];
  std::strftime(stamp, sizeof stamp, "%Y-%m-%d %H:%M:%S", &parts);
  return stamp;
}

}  // namespace sluice
