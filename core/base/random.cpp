#include "core/base/random.hpp"

#include "core/base/fnv1a.hpp"

#include <cmath>
#include <numbers>

namespace sluice {

std::array<std::uint32_t, 4> philox(std::uint64_t key, std::uint64_t counter_low, std::uint64_t counter_high) {
  std::uint32_t k0 = static_cast<std::uint32_t>(key);
  std::uint32_t k1 = static_cast<std::uint32_t>(key >> 32);
  std::array<std::uint32_t, 4> c = {static_cast<std::uint32_t>(counter_low), static_cast<std::uint32_t>(counter_low >> 32),
                                    static_cast<std::uint32_t>(counter_high), static_cast<std::uint32_t>(counter_high >> 32)};
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t p0 = std::uint64_t{0xD2511F53} * c[0];
    const std::uint64_t p1 = std::uint64_t{0xCD9E8D57} * c[2];
    c = {static_cast<std::uint32_t>(p1 >> 32) ^ c[1] ^ k0, static_cast<std::uint32_t>(p1), static_cast<std::uint32_t>(p0 >> 32) ^ c[3] ^ k1,
         static_cast<std::uint32_t>(p0)};
    k0 += 0x9E3779B9;
    k1 += 0xBB67AE85;
  }
  return c;
}

std::uint64_t random_key(std::uint64_t seed, std::string_view purpose) {
  // The hash of the name is mixed with the seed by the generator itself.
  const auto bits = philox(seed, fnv1a(purpose), 0x5105cedULL);
  return (std::uint64_t{bits[1]} << 32) | bits[0];
}

double random_uniform(std::uint64_t key, std::uint64_t index) {
  const auto bits = philox(key, index, 0);
  const std::uint64_t word = (std::uint64_t{bits[1]} << 32) | bits[0];
  return static_cast<double>(word >> 11) * 0x1.0p-53;
}

double random_normal(std::uint64_t key, std::uint64_t index) {
  // One counter gives two normals; the parity of the index chooses between them.
  const auto bits = philox(key, index / 2, 1);
  const std::uint64_t a = (std::uint64_t{bits[1]} << 32) | bits[0];
  const std::uint64_t b = (std::uint64_t{bits[3]} << 32) | bits[2];
  const double u = (static_cast<double>(a >> 11) + 0.5) * 0x1.0p-53;
  const double angle = 2.0 * std::numbers::pi * (static_cast<double>(b >> 11) * 0x1.0p-53);
  const double radius = std::sqrt(-2.0 * std::log(u));
  return radius * (index % 2 == 0 ? std::cos(angle) : std::sin(angle));
}

std::uint64_t random_permutation(std::uint64_t key, std::uint64_t size, std::uint64_t index) {
  int half_bits = 1;
  while ((std::uint64_t{1} << (2 * half_bits)) < size) ++half_bits;
  const std::uint64_t mask = (std::uint64_t{1} << half_bits) - 1;
  std::uint64_t value = index;
  do {
    std::uint64_t left = value >> half_bits;
    std::uint64_t right = value & mask;
    for (std::uint64_t round = 0; round < 4; ++round) {
      const std::uint64_t next = left ^ (philox(key, right, 2 + round)[0] & mask);
      left = right;
      right = next;
    }
    value = (left << half_bits) | right;
  } while (value >= size);
  return value;
}

}  // namespace sluice
