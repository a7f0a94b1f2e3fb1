// Writes protobuf messages field by field (wire format: protobuf.dev/programming-guides/encoding), without libprotobuf, which ends a
// process that has two copies of a schema.
#pragma once

#include <bit>
#include <cstdint>
#include <string>
#include <string_view>

namespace sluice::recipes {

class ProtobufMessage {
 public:
  ProtobufMessage& varint(int field, std::uint64_t value) {
    put_varint(static_cast<std::uint64_t>(field) << 3);
    put_varint(value);
    return *this;
  }
  ProtobufMessage& number(int field, double value) {
    put_varint(static_cast<std::uint64_t>(field) << 3 | 1);
    put_little_endian(std::bit_cast<std::uint64_t>(value), 8);
    return *this;
  }
  ProtobufMessage& number(int field, float value) {
    put_varint(static_cast<std::uint64_t>(field) << 3 | 5);
    put_little_endian(std::bit_cast<std::uint32_t>(value), 4);
    return *this;
  }
  /// A string, bytes, or an embedded message's bytes().
  ProtobufMessage& bytes(int field, std::string_view value) {
    put_varint(static_cast<std::uint64_t>(field) << 3 | 2);
    put_varint(value.size());
    bytes_ += value;
    return *this;
  }
  ProtobufMessage& message(int field, const ProtobufMessage& value) { return bytes(field, value.bytes_); }

  const std::string& bytes() const { return bytes_; }

 private:
  void put_varint(std::uint64_t value) {
    for (; value >= 0x80; value >>= 7) bytes_ += static_cast<char>(value | 0x80);
    bytes_ += static_cast<char>(value);
  }
  void put_little_endian(std::uint64_t value, int size) {
    for (int i = 0; i < size; ++i) bytes_ += static_cast<char>(value >> (8 * i));
  }

  std::string bytes_;
};

}  // namespace sluice::recipes
