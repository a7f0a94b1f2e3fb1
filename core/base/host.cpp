#include "core/base/host.hpp"

#include <unistd.h>

namespace sluice {

std::string host_name() {
  char name[256] = "";
  // gethostname need not end a name that it cut.
  if (gethostname(name, sizeof name - 1) != 0 || name[0] == '\0') return "unknown";
  return name;
}

}  // namespace sluice
