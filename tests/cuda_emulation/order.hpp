// In which order an emulated device runs the threads of a block, and blocks.
#pragma once

namespace sluice::testing {

enum class EmulatedOrder { kAscending, kDescending };
void set_emulated_order(EmulatedOrder order);

}  // namespace sluice::testing
