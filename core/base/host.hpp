// The name of this machine, for records and messages.
#pragma once

#include <string>

namespace sluice {

/// The host name as the system gives it; "unknown" if it does not.
std::string host_name();

}  // namespace sluice
