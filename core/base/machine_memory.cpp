#include "core/base/machine_memory.hpp"

#include <fstream>
#include <string>

namespace sluice {

MachineMemory machine_memory() {
  MachineMemory memory;
  std::ifstream meminfo("/proc/meminfo");
  for (std::string key, rest; meminfo >> key;) {
    double kibibytes = 0;
    if (!(meminfo >> kibibytes)) break;
    std::getline(meminfo, rest);
    if (key == "MemTotal:") memory.total = kibibytes * 1024;
    if (key == "MemAvailable:") memory.available = kibibytes * 1024;
  }
  return memory;
}

}  // namespace sluice
