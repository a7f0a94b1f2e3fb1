// How much memory this machine has.
#pragma once

namespace sluice {

struct MachineMemory {
  double total = 0.0;      // bytes; 0 if the system does not tell
  double available = 0.0;  // bytes that can be given without swapping; 0 if the system does not tell
};
MachineMemory machine_memory();

}  // namespace sluice
