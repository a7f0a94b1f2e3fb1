// Numbers as people read them.
// Gives: human_count(), human_bytes(), human_duration(), plain_number().
#pragma once

#include <cstdint>
#include <string>

namespace sluice::recipes {

/// Three significant digits in thousands: "999", "12.3K", "12.3M", "1.24B", "3.50T".
std::string human_count(double count);

/// Binary units, one decimal: "512 B", "1.5 KiB", "1.2 GiB".
std::string human_bytes(double bytes);

/// "0.4s", "42s", "3m20s", "1h05m", "2d03h"; "unknown" if not finite or negative.
std::string human_duration(double seconds);

/// The shortest decimal that reads back to the same double; "nan" for every NaN, whatever its sign bit.
std::string plain_number(double value);

}  // namespace sluice::recipes
