#include "data/hash128.hpp"

#include <fmt/core.h>
#include <xxhash.h>

#include <new>

namespace sluice::data {
namespace {

XXH3_state_t* new_state() {
  XXH3_state_t* state = XXH3_createState();
  if (state == nullptr) throw std::bad_alloc();
  return state;
}

}  // namespace

struct Hash128::State {
  State() : xxh(new_state()) { XXH3_128bits_reset(xxh); }
  ~State() { XXH3_freeState(xxh); }
  XXH3_state_t* xxh;
};

Hash128::Hash128() : state_(std::make_unique<State>()) {}
Hash128::~Hash128() = default;
void Hash128::update(const void* data, std::size_t size) { XXH3_128bits_update(state_->xxh, data, size); }

void Hash128::field(std::string_view text) {
  field(text.size());
  update(text.data(), text.size());
}

void Hash128::field(std::uint64_t value) { update(&value, sizeof value); }

std::string Hash128::hex() const {
  const XXH128_hash_t hash = XXH3_128bits_digest(state_->xxh);
  return fmt::format("{:016x}{:016x}", hash.high64, hash.low64);
}

std::uint64_t hash64(std::string_view bytes) { return XXH3_64bits(bytes.data(), bytes.size()); }

struct Hash64::State {
  State() : xxh(new_state()) { XXH3_64bits_reset(xxh); }
  ~State() { XXH3_freeState(xxh); }
  XXH3_state_t* xxh;
};

Hash64::Hash64() : state_(std::make_unique<State>()) {}
Hash64::~Hash64() = default;
void Hash64::update(std::string_view bytes) { XXH3_64bits_update(state_->xxh, bytes.data(), bytes.size()); }

std::uint64_t Hash64::finish() {
  const std::uint64_t hash = XXH3_64bits_digest(state_->xxh);
  XXH3_64bits_reset(state_->xxh);
  return hash;
}

}  // namespace sluice::data
