#include "recipes/run/units.hpp"

#include <fmt/core.h>

#include <cmath>

namespace sluice::recipes {

std::string human_count(double count) {
  if (!std::isfinite(count)) return "unknown";
  if (std::abs(count) < 999.5) return count == std::floor(count) ? fmt::format("{:.0f}", count) : fmt::format("{:.3g}", count);
  const char* units = "KMBT";
  double value = count / 1e3;
  // 999.5 would be printed with four digits: it belongs to the next unit.
  while (std::abs(value) >= 999.5 && units[1] != '\0') {
    value /= 1e3;
    ++units;
  }
  const double size = std::abs(value);
  const int decimals = size < 9.995 ? 2 : size < 99.95 ? 1 : 0;
  return fmt::format("{:.{}f}{}", value, decimals, *units);
}

std::string human_bytes(double bytes) {
  if (!std::isfinite(bytes)) return "unknown";
  if (std::abs(bytes) < 1024) return fmt::format("{:.0f} B", bytes);
  const char* units = "KMGTP";
  double value = bytes / 1024;
  while (std::abs(value) >= 1023.95 && units[1] != '\0') {
    value /= 1024;
    ++units;
  }
  return fmt::format("{:.1f} {}iB", value, *units);
}

std::string human_duration(double seconds) {
  if (!std::isfinite(seconds) || seconds < 0) return "unknown";
  if (seconds < 9.95) return fmt::format("{:.1f}s", seconds);
  const double rounded = std::round(seconds);
  if (rounded >= 1e15) return "unknown";
  const auto whole = static_cast<std::int64_t>(rounded);
  if (whole < 60) return fmt::format("{}s", whole);
  if (whole < 3600) return fmt::format("{}m{:02}s", whole / 60, whole % 60);
  if (whole < 86400) return fmt::format("{}h{:02}m", whole / 3600, whole % 3600 / 60);
  return fmt::format("{}d{:02}h", whole / 86400, whole % 86400 / 3600);
}

std::string plain_number(double value) { return std::isnan(value) ? "nan" : fmt::format("{}", value); }

}  // namespace sluice::recipes
